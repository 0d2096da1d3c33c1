#include "report/value_tally.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/error.hpp"

namespace lockstep {

void ValueTally::add(Nanos value) {
  constexpr std::size_t kFewest = 1024;
  ++count_;
  sum_ += value.count();
  recent_.push_back(value.count());
  if (recent_.size() >= std::max(kFewest, values_.size() / 4)) {
    merge();
  }
}

/// A value beyond the range of its count gets a second entry.
void ValueTally::merge() {
  std::sort(recent_.begin(), recent_.end());
  std::vector<std::int64_t> values;
  std::vector<std::uint32_t> counts;
  values.reserve(values_.size() + recent_.size());
  counts.reserve(values_.size() + recent_.size());
  const auto append = [&](std::int64_t value, std::uint32_t count) {
    const bool fits = !values.empty() && values.back() == value &&
                      counts.back() <= std::numeric_limits<std::uint32_t>::max() - count;
    if (fits) {
      counts.back() += count;
    } else {
      values.push_back(value);
      counts.push_back(count);
    }
  };
  std::size_t old = 0;
  for (const std::int64_t value : recent_) {
    for (; old < values_.size() && values_[old] <= value; ++old) {
      append(values_[old], counts_[old]);
    }
    append(value, 1);
  }
  for (; old < values_.size(); ++old) {
    append(values_[old], counts_[old]);
  }
  // What repeats leaves the room that was reserved for it.
  if (values.size() < values.capacity() / 2) {
    values.shrink_to_fit();
    counts.shrink_to_fit();
  }
  values_ = std::move(values);
  counts_ = std::move(counts);
  recent_.clear();
}

/// As percentile() of report/statistics: linear between the order statistics next to the rank,
/// from the nearer one.
double ValueTally::percentile(double fraction) const {
  const double rank = static_cast<double>(count_ - 1) * fraction;
  const double below_rank = std::floor(rank);
  const double t = rank - below_rank;
  const auto place = static_cast<std::int64_t>(below_rank);
  std::int64_t seen = 0;
  std::size_t index = 0;
  while (seen + counts_[index] <= place) {
    seen += counts_[index++];
  }
  const auto below = static_cast<double>(values_[index]);
  if (place + 1 == count_) {
    return below;
  }
  index += seen + counts_[index] <= place + 1 ? 1U : 0U;
  const auto above = static_cast<double>(values_[index]);
  return t >= 0.5 ? above - (above - below) * (1.0 - t) : below + (above - below) * t;
}

LatencyStatistics ValueTally::statistics() {
  ensure(count_ > 0, "statistics of no values");
  merge();
  return {static_cast<double>(sum_) / static_cast<double>(count_), percentile(0.5),
          percentile(0.99)};
}

}  // namespace lockstep
