// `lockstep calibrate RUN_DIR... --output FILE`: step terms fitted to recorded runs.
#pragma once

#include <CLI/CLI.hpp>

namespace lockstep {

CLI::App* add_calibrate_command(CLI::App& root, int& exit_code);

}  // namespace lockstep
