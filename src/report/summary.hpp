// The results of a run as text: throughput, prefix caching, energy, latencies of every instance,
// and where the kernel times came from.
#pragma once

#include <string>
#include <vector>

#include "engine/run_result.hpp"
#include "report/painter.hpp"
#include "report/result_stream.hpp"

namespace lockstep {

struct SummarySettings {
  double log_interval = 1.0;  ///< simulated seconds between heartbeats
  double wall_seconds = 0.0;  ///< how long the simulation itself took
  /// By instance, where the result holds no requests; null: it does.
  std::vector<InstanceLatencies>* latencies = nullptr;
};

/// From the rule before "Simulation results..." to the last line of the kernel-time block.
[[nodiscard]] std::string summary(const RunResult& result, const SummarySettings& settings,
                                  const Painter& painter);

}  // namespace lockstep
