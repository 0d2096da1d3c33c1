// The seed of every random choice within a run (routes of requests and tokens).
#pragma once

#include <cstdint>

namespace lockstep {
inline constexpr std::uint32_t kRunSeed = 42;
}
