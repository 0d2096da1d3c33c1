// The `lockstep perf` subcommands: what kernel times there are, and fitting a bundle's skew.
#pragma once

#include <CLI/CLI.hpp>

namespace lockstep {

/// Adds `perf` with its subcommands to `root`. Their work is done in callbacks while `root`
/// parses; `exit_code` becomes 0, mistakes are thrown as UserError.
CLI::App* add_perf_command(CLI::App& root, int& exit_code);

}  // namespace lockstep
