// How a collective is cut into chunks. Sizes are bytes.
#pragma once

#include <cstdint>

#include "base/units.hpp"
#include "network/collective.hpp"

namespace lockstep {

struct Chunking {
  Bytes size;              ///< of every chunk but the last
  std::int64_t count = 1;  ///< chunks
  Bytes last;              ///< size of the last of them
  friend bool operator==(const Chunking&, const Chunking&) = default;
};

/// `splits` chunks of size / splits, and as many more of the same size as it takes to cover a
/// remainder: the last one is as large, or with `shorten_last` what is left. A chunk has at least a
/// byte for each of the cluster's NPUs (the collective grows to `splits` such chunks); one of an
/// ALLGATHER at least one byte.
[[nodiscard]] Chunking chunk(CollectiveKind kind, Bytes size, std::int64_t num_npus,
                             std::int64_t splits, bool shorten_last = false);

}  // namespace lockstep
