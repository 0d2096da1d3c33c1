// lockstep rerun: a run made again from what lies beside its result, compared byte for byte.
#pragma once

#include <CLI/CLI.hpp>

namespace lockstep {
void add_rerun_command(CLI::App& root, int& exit_code);
}
