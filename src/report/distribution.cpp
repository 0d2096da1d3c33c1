#include "report/distribution.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.hpp"

namespace lockstep {

Distribution::Distribution(std::vector<std::int64_t> values) : sorted_(std::move(values)) {
  std::sort(sorted_.begin(), sorted_.end());
  long double sum = 0;
  for (const std::int64_t value : sorted_) {
    sum += static_cast<long double>(value);
  }
  mean_ = empty() ? 0 : static_cast<double>(sum / static_cast<long double>(count()));
}

double Distribution::quantile(double fraction) const {
  ensure(!empty(), "quantile of no values");
  const double rank = static_cast<double>(count() - 1) * fraction;
  const double below_rank = std::floor(rank);
  const double t = rank - below_rank;
  const auto place = static_cast<std::size_t>(below_rank);
  const auto below = static_cast<double>(sorted_[place]);
  if (place + 1 >= count()) {
    return below;
  }
  const auto above = static_cast<double>(sorted_[place + 1]);
  // From the nearer neighbour, so that the console and this agree to the last digit.
  return t >= 0.5 ? above - (above - below) * (1.0 - t) : below + (above - below) * t;
}

}  // namespace lockstep
