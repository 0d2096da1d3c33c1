// Functions that are linear between knots and constant outside.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

namespace lockstep {

/// Where a value lies between knots: the lower knot and the weight of the one above it.
struct KnotPlace {
  std::size_t lower = 0;
  double weight = 0;
};

/// `knots` ascend; at least two.
[[nodiscard]] inline KnotPlace knot_place(std::span<const double> knots, double x) {
  const auto above = std::upper_bound(knots.begin(), knots.end(), x) - knots.begin();
  const auto last = static_cast<std::ptrdiff_t>(knots.size()) - 2;
  const auto lower = static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(above - 1, 0, last));
  const double weight = (x - knots[lower]) / (knots[lower + 1] - knots[lower]);
  return {lower, std::clamp(weight, 0.0, 1.0)};
}

/// The function with these values at the knots.
[[nodiscard]] inline double between_knots(std::span<const double> knots,
                                          std::span<const double> values, double x) {
  const KnotPlace place = knot_place(knots, x);
  return values[place.lower] + place.weight * (values[place.lower + 1] - values[place.lower]);
}

}  // namespace lockstep
