// Latency statistics of each instance, as the summary ends with.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "report/painter.hpp"
#include "report/result_stream.hpp"
#include "serving/request.hpp"

namespace lockstep {

/// TTFT, TPOT and ITL over the finished requests of one instance; a line saying so where there
/// are none (prefill instances). ITL is taken over all gaps of all requests.
[[nodiscard]] std::string latency_section(std::size_t instance,
                                          const std::vector<const Request*>& done,
                                          const Painter& painter);
/// The same from what was counted of them.
[[nodiscard]] std::string latency_section(std::size_t instance, InstanceLatencies& latencies,
                                          const Painter& painter);

}  // namespace lockstep
