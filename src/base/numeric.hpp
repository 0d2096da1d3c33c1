// Rounding exactly as the reference rounds. Products are formed in double before rounding; the
// project builds with -ffp-contract=off so that no fused multiply-add changes the last bit.
#pragma once

#include <cmath>
#include <cstdint>

namespace lockstep {

/// Nearest integer, exact halves to the even one (0.5 -> 0, 1.5 -> 2, 2.5 -> 2).
[[nodiscard]] inline std::int64_t round_half_even(double value) {
  return static_cast<std::int64_t>(std::nearbyint(value));  // default rounding mode is half-even
}

/// Towards zero.
[[nodiscard]] inline std::int64_t truncate(double value) {
  return static_cast<std::int64_t>(value);
}

[[nodiscard]] constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

}  // namespace lockstep
