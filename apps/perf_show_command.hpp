// `lockstep perf show`: the curves of a measured bundle.
#pragma once

#include <CLI/CLI.hpp>

namespace lockstep {

void add_perf_show(CLI::App& parent, int& exit_code);

}  // namespace lockstep
