// What one collective does: its phases, one after another, each over one dimension.
//
// The plan is the same for every NPU that takes part; what one NPU sends and receives in a phase
// is in network/rank_schedule.hpp. Sizes are bytes, times ns.
#pragma once

#include <cstdint>
#include <vector>

#include "base/units.hpp"
#include "network/collective.hpp"
#include "network/collective_algorithm.hpp"
#include "network/topology.hpp"

namespace lockstep {

/// A collective as an NPU asks for it. `size` is the whole buffer, for ALLGATHER one NPU's share.
struct CollectiveRequest {
  CollectiveKind kind = CollectiveKind::none;
  Bytes size;
  DimMask mask;
  friend bool operator==(const CollectiveRequest&, const CollectiveRequest&) = default;
};

/// The NPUs that exchange in a phase: those that differ in one coordinate only, or all of them.
/// (Groups given by a list of members would be a third form.)
struct ExchangeGroup {
  bool flat = false;          ///< all NPUs, in id order
  std::size_t dimension = 0;  ///< unless flat
  std::int64_t members = 1;

  [[nodiscard]] std::int64_t position(const Topology& topology, std::int64_t npu) const;
  /// The member `offset` places after `npu`, cyclically.
  [[nodiscard]] std::int64_t member(const Topology& topology, std::int64_t npu,
                                    std::int64_t offset) const;
};

struct CollectivePhase {
  CollectiveKind kind = CollectiveKind::none;
  CollectiveAlgorithm algorithm;
  ExchangeGroup group;
  bool anticlockwise = false;   ///< ring: sends to the previous member instead of the next
  Bytes input;                  ///< data size that enters
  Bytes output;                 ///< and leaves
  Bytes message;                ///< of ring, direct and tree; halving doubling changes it by step
  std::int64_t steps = 0;       ///< messages an NPU sends, and receives (tree: see RankSchedule)
  std::int64_t reductions = 0;  ///< ring: the first so many received messages are added
  Nanos reduction_time;         ///< of one `message`
  Nanos neighbour_time;         ///< of one `message` to the ring neighbour; not set when flat
};

struct CollectivePlan {
  CollectiveRequest request;
  /// Empty when no other NPU takes part or nothing is to be moved: it takes no time then.
  std::vector<CollectivePhase> phases;
};

/// Fills `out` (its memory is used again). Throws UserError for a mask shorter than the network
/// has dimensions, a negative size, and where the algorithm cannot do it. No kind but ALLGATHER
/// runs with less than `least` bytes, or less than one for every NPU of the topology.
void make_plan(const Topology& topology, const CollectiveRequest& request,
               const CollectiveSettings& settings, const CollectiveCosts& costs,
               CollectivePlan& out, Bytes least = {});

[[nodiscard]] CollectivePlan make_plan(const Topology& topology, const CollectiveRequest& request,
                                       const CollectiveSettings& settings,
                                       const CollectiveCosts& costs);

}  // namespace lockstep
