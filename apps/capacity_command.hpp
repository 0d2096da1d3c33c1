// The `lockstep capacity` subcommand: what a model needs of a GPU's memory, and how many fit it.
#pragma once

#include <CLI/CLI.hpp>

namespace lockstep {

/// Adds `capacity` to `root`. Its work is done in a callback while `root` parses; `exit_code`
/// becomes 0. What does not fit is thrown as UserError, as other mistakes are.
CLI::App* add_capacity_command(CLI::App& root, int& exit_code);

}  // namespace lockstep
