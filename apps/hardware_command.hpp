// `lockstep hardware`: the GPUs that the analytic model knows.
#pragma once

#include <CLI/CLI.hpp>

namespace lockstep {

/// Adds the command to `root`; it sets `exit_code` when it has run.
CLI::App* add_hardware_command(CLI::App& root, int& exit_code);

}  // namespace lockstep
