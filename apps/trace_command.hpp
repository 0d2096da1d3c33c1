// The `lockstep trace` subcommands: `export` writes the iterations of a run as files, `run`
// executes graphs, of a run or of any other source, on the simulated network by themselves.
#pragma once

#include <CLI/CLI.hpp>

namespace lockstep {

/// Adds `trace` with its subcommands to `root`. Their work is done in callbacks while `root`
/// parses; `exit_code` is set, mistakes are thrown as UserError.
CLI::App* add_trace_command(CLI::App& root, int& exit_code);

}  // namespace lockstep
