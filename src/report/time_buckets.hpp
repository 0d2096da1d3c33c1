// A series over simulated time in buckets of equal width. The width doubles when a time comes that
// does not fit, so that any run needs the same little memory. Times in ns.
#pragma once

#include <cstddef>
#include <vector>

#include "base/units.hpp"

namespace lockstep {

class TimeBuckets {
public:
  /// At most `limit` buckets (even), of `width` at first.
  explicit TimeBuckets(std::size_t limit = 512, Nanos width = Nanos{1'000'000});

  /// Adds `value` to the bucket of `time`.
  void add(Nanos time, double value);
  /// Adds `value` x the time spent in it to every bucket that [begin, end) touches.
  void add_span(Nanos begin, Nanos end, double value);

  [[nodiscard]] Nanos width() const { return width_; }
  /// Sums by bucket, as many as there is data for.
  [[nodiscard]] const std::vector<double>& sums() const { return sums_; }
  /// Doubles the width until `end` fits into the limit and so that it is at least `width`.
  void widen(Nanos end, Nanos width);

private:
  void fold();
  double& at(std::size_t bucket);

  std::size_t limit_;
  Nanos width_;
  std::vector<double> sums_;
};

}  // namespace lockstep
