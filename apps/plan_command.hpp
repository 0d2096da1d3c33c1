// The `lockstep plan` subcommand: the cheapest cluster that keeps promises at a load.
#pragma once

#include <CLI/CLI.hpp>

namespace lockstep {

/// Adds `plan` to `root`. Its work is done in a callback while `root` parses; `exit_code` becomes
/// 0, or 1 when nothing in the search keeps the promises. Mistakes are thrown as UserError.
CLI::App* add_plan_command(CLI::App& root, int& exit_code);

}  // namespace lockstep
