// A histogram as Prometheus counts it: cumulative buckets by upper bound, sum and count.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

class Histogram {
public:
  /// `bounds` ascending, without infinity; must outlive the histogram.
  explicit Histogram(std::span<const double> bounds) : bounds_(bounds), counts_(bounds.size()) {}

  void observe(double value);
  [[nodiscard]] std::int64_t count() const { return count_; }
  [[nodiscard]] double sum() const { return sum_; }
  /// The lines `name_bucket{labels,le="..."}`, `name_sum`, `name_count`.
  void append_text(std::string_view name, std::string_view labels, std::string& out) const;

private:
  std::span<const double> bounds_;
  std::vector<std::int64_t> counts_;  ///< per bucket, not cumulative
  std::int64_t count_ = 0;
  double sum_ = 0;
};

}  // namespace lockstep
