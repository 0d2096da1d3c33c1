// A multiset of times as its values and how often each came, so that times which repeat take no
// room. Statistics of it are those of all times, to the last bit.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/units.hpp"
#include "report/statistics.hpp"

namespace lockstep {

class ValueTally {
public:
  void add(Nanos value);
  [[nodiscard]] std::int64_t count() const { return count_; }
  /// Of all values so far; there must be some.
  [[nodiscard]] LatencyStatistics statistics();
  /// Different values held in order, and as they came.
  [[nodiscard]] std::size_t held() const { return values_.size() + recent_.size(); }

private:
  void merge();
  [[nodiscard]] double percentile(double fraction) const;

  std::vector<std::int64_t> values_;  ///< ascending, each once
  std::vector<std::uint32_t> counts_;
  std::vector<std::int64_t> recent_;  ///< not merged yet
  std::int64_t count_ = 0;
  std::int64_t sum_ = 0;
};

}  // namespace lockstep
