#include "network/chunking.hpp"

#include <algorithm>

#include "base/numeric.hpp"

namespace lockstep {

Chunking chunk(CollectiveKind kind, Bytes size, std::int64_t num_npus, std::int64_t splits,
               bool shorten_last) {
  const bool gather = kind == CollectiveKind::all_gather;
  if (splits == 1 || size < Bytes{0} || (gather && size == Bytes{0})) {
    return {size, 1, size};  // what too few bytes mean is for the plan to say
  }
  // Without a rest of its own, collectives of unlike sizes have equally many chunks, as NPUs need
  // that meet in a later one after unlike earlier ones.
  const Bytes share = shorten_last ? Bytes{ceil_div(size.count(), splits)} : size / splits;
  if (!gather && share < Bytes{num_npus}) {
    return {Bytes{num_npus}, splits, Bytes{num_npus}};
  }
  const Bytes each = std::max(share, Bytes{1});
  const auto count = std::max<std::int64_t>(ceil_div(size.count(), each.count()), 1);
  const Bytes left = std::max(size - each * (count - 1), Bytes{1});
  return {each, count, shorten_last ? left : each};
}

}  // namespace lockstep
