#include "report/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "base/error.hpp"

namespace lockstep {

double mean(std::span<const Nanos> values) {
  ensure(!values.empty(), "mean of no values");
  std::int64_t sum = 0;
  for (const Nanos value : values) {
    sum += value.count();
  }
  return static_cast<double>(sum) / static_cast<double>(values.size());
}

double percentile(std::span<Nanos> values, double fraction) {
  ensure(!values.empty(), "percentile of no values");
  const double rank = static_cast<double>(values.size() - 1) * fraction;
  const double below_rank = std::floor(rank);
  const double t = rank - below_rank;
  const auto place = values.begin() + static_cast<std::ptrdiff_t>(below_rank);
  std::nth_element(values.begin(), place, values.end());
  const auto below = static_cast<double>(place->count());
  if (place + 1 == values.end()) {
    return below;
  }
  const auto above = static_cast<double>(std::min_element(place + 1, values.end())->count());
  if (t >= 0.5) {
    return above - (above - below) * (1.0 - t);
  }
  return below + (above - below) * t;
}

LatencyStatistics latency_statistics(std::vector<Nanos> values) {
  return {mean(values), percentile(values, 0.5), percentile(values, 0.99)};
}

}  // namespace lockstep
