// `lockstep init`: a cluster file from questions, from flags, or from what starts a server.
#pragma once

#include <CLI/CLI.hpp>

namespace lockstep {

/// Adds the command to `root`; it sets `exit_code` when it has run.
CLI::App* add_init_command(CLI::App& root, int& exit_code);

}  // namespace lockstep
