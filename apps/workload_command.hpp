// The `lockstep workload` subcommands: generators of workloads, and `stats` to look at one.
#pragma once

#include <CLI/CLI.hpp>

namespace lockstep {

/// Adds `workload` with its subcommands to `root`. Their work is done in callbacks while `root`
/// parses: a summary goes to the standard output, `exit_code` becomes 0, mistakes are thrown as
/// UserError.
CLI::App* add_workload_command(CLI::App& root, int& exit_code);

}  // namespace lockstep
