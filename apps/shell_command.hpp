// `lockstep completions SHELL` and `lockstep man`: what a shell wants to know of the program.
#pragma once

#include <CLI/CLI.hpp>

namespace lockstep {

/// Adds both to `root`, whose commands they describe; they set `exit_code`.
void add_shell_commands(CLI::App& root, int& exit_code);

}  // namespace lockstep
