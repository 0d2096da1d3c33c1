// Links for which messages queue: the congestion-aware model of one dimension.
//
// A directed link is a server that takes one message at a time, first come first served. A message
// is stored and forwarded: it stands in the queue of each link on its way, arrives at the device at
// the link's end, and only then enters the next queue.
//
// FullyConnected has a link for every ordered pair of NPUs; a Switch one from each NPU to the
// switch and one back; a Ring one to either neighbour of each NPU, and messages go the shorter way,
// clockwise when both are equal. Times are ns.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "base/units.hpp"
#include "network/topology.hpp"

namespace lockstep {

class LinkNetwork {
public:
  /// Of the one dimension that has more than one NPU. Throws UserError when there are several.
  explicit LinkNetwork(Topology topology);

  struct Hop {
    std::int64_t device = 0;  ///< where the link ends: an NPU, or num_npus for the switch
    Nanos arrival;
  };
  /// A message for the NPU `to` that is at device `from` now enters the queue of its next link:
  /// it starts when the link is free and takes floor(latency + size / bandwidth); the link is free
  /// again floor(size / bandwidth) after the start. Calls must be in order of time.
  Hop forward(Nanos now, std::int64_t from, std::int64_t to, Bytes size);

private:
  [[nodiscard]] std::int64_t next_device(std::int64_t from, std::int64_t to) const;

  Topology topology_;
  std::size_t dimension_ = 0;
  std::unordered_map<std::int64_t, Nanos> free_at_;  ///< by link, those used so far
};

}  // namespace lockstep
