// Energy of the cluster, its nodes and their components, and the power of every interval.
#pragma once

#include <string>

#include "engine/run_result.hpp"
#include "report/painter.hpp"

namespace lockstep {

/// Empty without the power model. `log_interval` in seconds.
[[nodiscard]] std::string energy_section(const RunResult& result, double log_interval,
                                         const Painter& painter);

}  // namespace lockstep
