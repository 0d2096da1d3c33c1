// Mean, median and 99th percentile of latencies, as the summary prints them.
#pragma once

#include <span>
#include <vector>

#include "base/units.hpp"

namespace lockstep {

/// All three in ns, not rounded.
struct LatencyStatistics {
  double mean = 0;
  double median = 0;  ///< mean of the middle two for an even count
  double p99 = 0;
};

/// Arithmetic mean; `values` must not be empty.
[[nodiscard]] double mean(std::span<const Nanos> values);

/// Linear interpolation between the order statistics next to rank fraction * (n - 1), computed
/// from the nearer one. `fraction` in [0, 1]; `values` must not be empty and is reordered.
[[nodiscard]] double percentile(std::span<Nanos> values, double fraction);

/// `values` must not be empty; it is taken as working space.
[[nodiscard]] LatencyStatistics latency_statistics(std::vector<Nanos> values);

}  // namespace lockstep
