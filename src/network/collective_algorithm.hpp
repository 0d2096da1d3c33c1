// By which algorithm a collective runs and what its parts cost.
//
// `ring` is what serving clusters use here. The others are available for comparison: `direct`
// (everyone sends to everyone, `direct<w>` with at most w messages in flight), `halvingDoubling`
// and `doubleBinaryTree`. The prefix `one` (oneRing, oneDirect, ...) lays one flat group over all
// NPUs, whatever the dimensions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/units.hpp"
#include "network/collective.hpp"

namespace lockstep {

struct CollectiveAlgorithm {
  enum class Family : std::uint8_t { ring, direct, halving_doubling, double_binary_tree };
  Family family = Family::ring;
  bool flat = false;        ///< one group of all NPUs instead of one a dimension
  std::int64_t window = 0;  ///< direct: messages in flight; 0: no limit
  friend bool operator==(const CollectiveAlgorithm&, const CollectiveAlgorithm&) = default;
};

/// Throws UserError for an unknown name.
[[nodiscard]] CollectiveAlgorithm algorithm_from_name(std::string_view name);
[[nodiscard]] std::string algorithm_name(const CollectiveAlgorithm& algorithm);

struct CollectiveSettings {
  CollectiveAlgorithm all_reduce;
  CollectiveAlgorithm all_gather;
  CollectiveAlgorithm all_to_all;
  CollectiveAlgorithm reduce_scatter;
  /// Over several dimensions: scatter on the inner ones, reduce only the share on the last. When
  /// false every dimension reduces the full size.
  bool bandwidth_aware = true;

  /// The same algorithm for every kind.
  [[nodiscard]] static CollectiveSettings all(const CollectiveAlgorithm& algorithm);
  [[nodiscard]] const CollectiveAlgorithm& of(CollectiveKind kind) const;
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
