// Seconds of a cluster file as the clock counts them.
#pragma once

#include <cmath>

#include "base/units.hpp"
#include "config/json_view.hpp"

namespace lockstep {

/// 0 to 10^9 seconds, to the nearest nanosecond. Throws UserError for anything else.
[[nodiscard]] inline Nanos seconds_of(const JsonView& view) {
  constexpr double kMost = 1e9;
  const double seconds = view.number_at_least(0);
  if (seconds > kMost) {
    view.fail("a time of more than 10^9 seconds", "give seconds of the simulated clock");
  }
  return Nanos{std::llround(seconds * 1e9)};
}

}  // namespace lockstep
