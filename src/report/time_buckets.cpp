#include "report/time_buckets.hpp"

#include <algorithm>

namespace lockstep {

TimeBuckets::TimeBuckets(std::size_t limit, Nanos width) : limit_(limit), width_(width) {}

void TimeBuckets::fold() {
  width_ = width_ + width_;
  const std::size_t half = (sums_.size() + 1) / 2;
  for (std::size_t i = 0; i < half; ++i) {
    sums_[i] = sums_[2 * i] + (2 * i + 1 < sums_.size() ? sums_[2 * i + 1] : 0.0);
  }
  sums_.resize(half);
}

void TimeBuckets::widen(Nanos end, Nanos width) {
  while (width_ < width || end.count() / width_.count() >= static_cast<std::int64_t>(limit_)) {
    fold();
  }
}

double& TimeBuckets::at(std::size_t bucket) {
  if (bucket >= sums_.size()) {
    sums_.resize(bucket + 1);
  }
  return sums_[bucket];
}

void TimeBuckets::add(Nanos time, double value) {
  widen(time, width_);
  at(static_cast<std::size_t>(time.count() / width_.count())) += value;
}

void TimeBuckets::add_span(Nanos begin, Nanos end, double value) {
  if (end <= begin) {
    return;
  }
  widen(end, width_);
  const std::int64_t width = width_.count();
  for (std::int64_t t = begin.count(); t < end.count();) {
    const std::int64_t bucket = t / width;
    const std::int64_t until = std::min(end.count(), (bucket + 1) * width);
    at(static_cast<std::size_t>(bucket)) += value * static_cast<double>(until - t);
    t = until;
  }
}

}  // namespace lockstep
