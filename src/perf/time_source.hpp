// Where a time comes from, best first: the larger of two is the weaker one.
#pragma once

#include <cstdint>

namespace lockstep {

enum class TimeSource : std::uint8_t { exact, interpolated, extrapolated, analytic };

}  // namespace lockstep
