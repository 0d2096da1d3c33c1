// The `lockstep validate` subcommand: a recorded vLLM run beside a simulation of it.
#pragma once

#include <CLI/CLI.hpp>

namespace lockstep {

/// Adds `validate` to `root`. Its work is done in a callback while `root` parses; `exit_code`
/// becomes 0, or 1 when an error exceeds --max-error. Mistakes are thrown as UserError.
CLI::App* add_validate_command(CLI::App& root, int& exit_code);

}  // namespace lockstep
