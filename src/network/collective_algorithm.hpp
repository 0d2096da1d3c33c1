// By which algorithm a collective of each kind runs and what its parts cost.
#pragma once

#include <cstdint>
#include <vector>

#include "base/units.hpp"
#include "config/network_settings.hpp"
#include "network/collective.hpp"

namespace lockstep {

struct CollectiveSettings {
  CollectiveAlgorithm all_reduce;
  CollectiveAlgorithm all_gather;
  CollectiveAlgorithm all_to_all;
  CollectiveAlgorithm reduce_scatter;
  /// Over several dimensions: scatter on the inner ones, reduce only the share on the last. When
  /// false every dimension reduces the full size.
  bool bandwidth_aware = true;
  /// By dimension, for every kind: goes before the above in the dimensions that it names.
  std::vector<CollectiveAlgorithm> by_dimension{};

  /// The same algorithm for every kind.
  [[nodiscard]] static CollectiveSettings all(const CollectiveAlgorithm& algorithm);
  [[nodiscard]] const CollectiveAlgorithm& of(CollectiveKind kind) const;
  [[nodiscard]] const CollectiveAlgorithm& of(CollectiveKind kind, std::size_t dimension) const;
};

/// Costs at the ends of a message.
struct CollectiveCosts {
  Nanos endpoint_delay{10};        ///< before the first send and after every receive
  double local_mem_bandwidth = 0;  ///< GB/s of 10^9 that prices a reduction; 0: reductions are free

  /// Adding a received message of this size to the local one: three accesses of local memory,
  /// each truncated.
  [[nodiscard]] Nanos reduction(Bytes message) const;
};

}  // namespace lockstep
