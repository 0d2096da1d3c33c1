// How much of the prompts a prefix cache already held.
#pragma once

#include <cstdint>

namespace lockstep {

/// Tokens of a prefix cache, cumulative since the start. A request counts once, at its first
/// admission.
struct PrefixStats {
  std::int64_t requested = 0;
  std::int64_t hit = 0;
  friend bool operator==(const PrefixStats&, const PrefixStats&) = default;
};

}  // namespace lockstep
