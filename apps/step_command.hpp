// lockstep step: one step of an engine as its operations, with the time of each and its source.
#pragma once

#include <CLI/CLI.hpp>

namespace lockstep {

/// `exit_code` is set when the command ran.
CLI::App* add_step_command(CLI::App& root, int& exit_code);

}  // namespace lockstep
