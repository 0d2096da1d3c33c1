// `lockstep perf compare`: times of single operations beside a measured layer bundle.
#pragma once

#include <CLI/CLI.hpp>

namespace lockstep {

void add_perf_compare(CLI::App& parent, int& exit_code);

}  // namespace lockstep
