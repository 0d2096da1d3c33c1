// A set of times and what is said of it: count, mean, quantiles. All in ns.
#pragma once

#include <cstdint>
#include <vector>

namespace lockstep {

class Distribution {
public:
  Distribution() = default;
  /// In any order.
  explicit Distribution(std::vector<std::int64_t> values);

  [[nodiscard]] bool empty() const { return sorted_.empty(); }
  [[nodiscard]] std::size_t count() const { return sorted_.size(); }
  [[nodiscard]] double mean() const { return mean_; }
  /// Smallest at 0, largest at 1, linear between order statistics; must not be empty.
  [[nodiscard]] double quantile(double fraction) const;
  [[nodiscard]] const std::vector<std::int64_t>& sorted() const { return sorted_; }

private:
  std::vector<std::int64_t> sorted_;
  double mean_ = 0;
};

}  // namespace lockstep
