// Bytes that a ring algorithm moves over all links for one collective: what its link energy is
// booked for. A collective of `bytes` over `ranks` ranks; real division, so fractions remain.
#pragma once

#include <cstdint>

#include "base/units.hpp"

namespace lockstep {

/// 2 (N-1) S / N.
[[nodiscard]] inline double ring_all_reduce_bytes(Bytes bytes, std::int64_t ranks) {
  return static_cast<double>(2 * (ranks - 1) * bytes.count()) / static_cast<double>(ranks);
}

/// (N-1) S / N: all-gather, reduce-scatter and all-to-all alike.
[[nodiscard]] inline double ring_exchange_bytes(Bytes bytes, std::int64_t ranks) {
  return static_cast<double>((ranks - 1) * bytes.count()) / static_cast<double>(ranks);
}

}  // namespace lockstep
