// Random numbers and choices of a RapidCheck property.
#pragma once

#include <rapidcheck.h>

#include <cstdint>

namespace lockstep::testing {

/// Both ends are possible.
inline std::int64_t draw(std::int64_t low, std::int64_t high) {
  return *rc::gen::inRange<std::int64_t>(low, high + 1);
}

inline bool coin() {
  return *rc::gen::arbitrary<bool>();
}

}  // namespace lockstep::testing
