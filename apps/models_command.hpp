// lockstep models show|list: what a config.json implies.
#pragma once

#include <CLI/CLI.hpp>

namespace lockstep {

/// `exit_code` is set when the command ran.
CLI::App* add_models_command(CLI::App& root, int& exit_code);

}  // namespace lockstep
