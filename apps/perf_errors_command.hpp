// `lockstep perf errors`: how far table look-ups are off, by rule of interpolation.
#pragma once

#include <CLI/CLI.hpp>

namespace lockstep {

void add_perf_errors(CLI::App& parent, int& exit_code);

}  // namespace lockstep
