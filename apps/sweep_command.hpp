// The `lockstep sweep` subcommand: many simulations, on all cores, from one spec file.
#pragma once

#include <CLI/CLI.hpp>

namespace lockstep {

/// Adds `sweep` and `sweep merge` to `root`. Their work is done in callbacks while `root` parses;
/// `exit_code` becomes 0, 1 when a simulation met a defect of ours, 130 when interrupted. Mistakes
/// are thrown as UserError.
CLI::App* add_sweep_command(CLI::App& root, int& exit_code);

}  // namespace lockstep
