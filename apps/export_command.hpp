// `lockstep export vllm CONFIG`: the servers that would build a simulated cluster.
#pragma once

#include <CLI/CLI.hpp>

namespace lockstep {

/// Adds the command to `root`; it sets `exit_code` when it has run.
CLI::App* add_export_command(CLI::App& root, int& exit_code);

}  // namespace lockstep
