// `lockstep perf fit`: a GPU's coefficients from its imported tables.
#pragma once

#include <CLI/CLI.hpp>

namespace lockstep {

void add_perf_fit(CLI::App& parent, int& exit_code);

}  // namespace lockstep
