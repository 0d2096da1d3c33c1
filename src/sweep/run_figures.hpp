// What is kept of one run: a fixed list of named numbers, the columns of a sweep's results.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "config/cluster.hpp"
#include "engine/run_result.hpp"
#include "serving/npu_kv_layout.hpp"
#include "sweep/service_level.hpp"

namespace lockstep {

/// Names in column order, with units: ttft_p99_ms, goodput_rps, energy_j, ... Latencies are over
/// all requests (ITL over all gaps); percentiles interpolate between order statistics.
[[nodiscard]] std::span<const std::string_view> figure_names();
/// Throws InternalError for an unknown name.
[[nodiscard]] std::size_t figure_index(std::string_view name);

struct RunFigures {
  std::vector<double> values;  ///< by figure_names(); NaN: nothing to say

  [[nodiscard]] double of(std::string_view name) const { return values[figure_index(name)]; }
};

struct FigureInputs {
  const Cluster& cluster;
  const std::vector<NpuKvLayout>& kv;  ///< by instance
  const ServiceLevel& promise;
  std::int64_t warnings = 0;
};

/// `goodput` is the share of requests that keep the promise, `goodput_rps` those per second of the
/// whole run; both are NaN when nothing is promised.
[[nodiscard]] RunFigures run_figures(const RunResult& result, const FigureInputs& inputs);

}  // namespace lockstep
