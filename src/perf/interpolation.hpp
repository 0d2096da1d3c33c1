// Linear interpolation on sorted grids, in a fixed operation order.
//
// Two rules meet the two kinds of table. `bounds` (curves, expert rows) clamps below the first
// sample and picks two samples everywhere else. `bracket` (attention axes) also clamps at the
// first sample and carries its weight. Both extrapolate above the last sample along the last two.
// All values are nanoseconds in double; every operation is written in the order that its rounding
// requires.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "perf/kernel_times.hpp"

namespace lockstep {

/// A value in nanoseconds before its final rounding, with where it came from.
struct Estimate {
  double value = 0;
  TimeSource source = TimeSource::exact;
};

[[nodiscard]] inline TimeSource worse(TimeSource a, TimeSource b) {
  return std::max(a, b);
}

/// y0 + t * (y1 - y0) with t = (q - x0) / (x1 - x0); y0 when x0 == x1.
[[nodiscard]] inline double lerp(std::int64_t x0, double y0, std::int64_t x1, double y1,
                                 std::int64_t q) {
  if (x1 == x0) {
    return y0;
  }
  const double t = static_cast<double>(q - x0) / static_cast<double>(x1 - x0);
  return y0 + t * (y1 - y0);
}

/// Number of grid values <= q; `grid` is sorted ascending without duplicates.
[[nodiscard]] inline std::size_t count_not_above(std::span<const std::int64_t> grid,
                                                 std::int64_t q) {
  return static_cast<std::size_t>(std::upper_bound(grid.begin(), grid.end(), q) - grid.begin());
}

struct Bounds {
  std::size_t lo = 0;
  std::size_t hi = 0;
  TimeSource source = TimeSource::exact;
};

/// The two samples that answer q. `grid` is not empty.
[[nodiscard]] inline Bounds bounds(std::span<const std::int64_t> grid, std::int64_t q) {
  const std::size_t n = grid.size();
  const std::size_t i = count_not_above(grid, q);
  if (i == 0) {
    return {0, 0, TimeSource::extrapolated};
  }
  const bool on_grid = grid[i - 1] == q;
  if (i == n) {
    const TimeSource source = on_grid ? TimeSource::exact : TimeSource::extrapolated;
    return n < 2 ? Bounds{0, 0, source} : Bounds{n - 2, n - 1, source};
  }
  return {i - 1, i, on_grid ? TimeSource::exact : TimeSource::interpolated};
}

struct Bracket {
  std::size_t lo = 0;
  std::size_t hi = 0;
  double weight = 0;  ///< of `hi`; 0 on `lo`, above 1 beyond the grid
  TimeSource source = TimeSource::exact;
};

/// The two samples of an attention axis that answer q. `grid` is not empty.
[[nodiscard]] inline Bracket bracket(std::span<const std::int64_t> grid, std::int64_t q) {
  const std::size_t n = grid.size();
  if (n == 1 || q <= grid[0]) {
    return {0, 0, 0.0, q == grid[0] ? TimeSource::exact : TimeSource::extrapolated};
  }
  const std::size_t i = count_not_above(grid, q);
  const bool above = i >= n;
  const std::size_t lo = above ? n - 2 : i - 1;
  const std::size_t hi = lo + 1;
  TimeSource source = above ? TimeSource::extrapolated : TimeSource::interpolated;
  if (grid[i - 1] == q) {
    source = TimeSource::exact;
  }
  const double weight =
      static_cast<double>(q - grid[lo]) / static_cast<double>(grid[hi] - grid[lo]);
  return {lo, hi, weight, source};
}

/// Towards zero, at least 1; extrapolation may give any finite value.
[[nodiscard]] inline Nanos whole_nanos(double value) {
  if (!(value >= 1.0)) {
    return Nanos{1};
  }
  if (value >= 9.0e18) {
    return Nanos::max();
  }
  return Nanos{static_cast<std::int64_t>(value)};
}

}  // namespace lockstep
