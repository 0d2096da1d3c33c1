// `lockstep bench-import`: a benchmark client's results as a recorded run.
#pragma once

#include <CLI/CLI.hpp>

namespace lockstep {

/// `exit_code` is set when the command has run.
void add_bench_import_command(CLI::App& root, int& exit_code);

}  // namespace lockstep
