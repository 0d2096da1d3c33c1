// What one NPU sends and receives in one phase of a collective.
//
// All algorithms share one shape. An NPU enters, waits the endpoint delay, then acts; every
// received message costs the endpoint delay and perhaps a reduction, after which it counts as
// processed and the NPU acts again; the phase ends when all its messages are processed. "Acts"
// means: sends messages up to sends_after(processed) and waits for messages up to
// receives_after(processed). Messages are numbered from 0 on each side.
#pragma once

#include <cstdint>

#include "network/collective_plan.hpp"

namespace lockstep {

class RankSchedule {
public:
  struct Message {
    std::int64_t peer = 0;
    Bytes size;
  };

  /// Which way round a phase goes for all its members.
  struct Orientation {
    bool mirrored = false;       ///< tree: its root is at the lowest position, not the highest
    bool anticlockwise = false;  ///< ring: messages go to the previous member, not the next
  };

  RankSchedule() = default;
  RankSchedule(const Topology& topology, const CollectivePhase& phase, std::int64_t npu,
               const Orientation& orientation);

  /// Messages to be processed until the phase ends.
  [[nodiscard]] std::int64_t total() const { return total_; }
  [[nodiscard]] std::int64_t sends_after(std::int64_t processed) const;
  [[nodiscard]] std::int64_t receives_after(std::int64_t processed) const;
  [[nodiscard]] Message send(const Topology& topology, std::int64_t index) const;
  [[nodiscard]] Message receive(const Topology& topology, std::int64_t index) const;
  /// How long message number `index` in order of arrival takes to be added to local data.
  [[nodiscard]] Nanos reduction(const CollectiveCosts& costs, std::int64_t index) const;

private:
  [[nodiscard]] Bytes halving_size(std::int64_t step) const;
  [[nodiscard]] std::int64_t halving_peer(const Topology& topology, std::int64_t step) const;
  [[nodiscard]] std::int64_t tree_member(const Topology& topology, std::int64_t node) const;
  [[nodiscard]] bool direct_reduces(std::int64_t index) const;

  const CollectivePhase* phase_ = nullptr;
  std::int64_t npu_ = 0;
  std::int64_t total_ = 0;
  std::int64_t position_ = 0;  ///< in the group; in the tree's in-order numbering when it is one
  std::int64_t window_ = 1;
  std::int64_t level_ = 0;  ///< tree: 0 for leaves
  bool mirrored_ = false;
  std::int64_t next_ = 0;  ///< ring: where messages go
  std::int64_t prev_ = 0;  ///< ring: where they come from
};

}  // namespace lockstep
