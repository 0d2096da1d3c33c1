#include "network/collective_algorithm.hpp"

#include "base/error.hpp"
#include "base/numeric.hpp"

namespace lockstep {

CollectiveSettings CollectiveSettings::all(const CollectiveAlgorithm& algorithm) {
  return {algorithm, algorithm, algorithm, algorithm, true, {}};
}

const CollectiveAlgorithm& CollectiveSettings::of(CollectiveKind kind) const {
  switch (kind) {
    case CollectiveKind::all_reduce:
      return all_reduce;
    case CollectiveKind::all_gather:
      return all_gather;
    case CollectiveKind::all_to_all:
      return all_to_all;
    case CollectiveKind::reduce_scatter:
      return reduce_scatter;
    case CollectiveKind::none:
      break;
  }
  throw InternalError("a collective of no kind has no algorithm");
}

const CollectiveAlgorithm& CollectiveSettings::of(CollectiveKind kind,
                                                  std::size_t dimension) const {
  return dimension < by_dimension.size() ? by_dimension[dimension] : of(kind);
}

Nanos CollectiveCosts::reduction(Bytes message) const {
  if (!(local_mem_bandwidth > 0)) {
    return Nanos{0};
  }
  const double size = static_cast<double>(message.count());
  return 3 * Nanos{truncate(size / (local_mem_bandwidth * 1e9) * 1e9)};
}

}  // namespace lockstep
