// Collectives, message by message.
//
// Every NPU runs at most one collective at a time, as one stream or cut into several. An NPU's k-th
// stream meets the k-th of its peers: they are numbered per NPU, and the number is part of the
// messages' tag. Early messages wait in the mailbox until the receiver has entered.
//
// A ring may be left to a formula (network/ring_ends): its members wait until the last has entered,
// and end when they would have. No message of theirs is made.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <tuple>
#include <vector>

#include "engine/device_event.hpp"
#include "engine/device_islands.hpp"
#include "engine/device_listener.hpp"
#include "engine/device_mailbox.hpp"
#include "engine/device_streams.hpp"
#include "engine/device_wire.hpp"
#include "engine/recurrence.hpp"
#include "iteration/graph.hpp"
#include "network/collective_plan.hpp"
#include "network/rank_schedule.hpp"

namespace lockstep {

/// Subjects below 0 are of receives that belong to a stream of the NPU's collective (its place in
/// Collectives::streams_of) and not to a node of their own.
[[nodiscard]] constexpr bool is_collective_receive(std::int32_t subject) {
  return subject < 0;
}
[[nodiscard]] constexpr std::int32_t stream_of_receive(std::int32_t subject) {
  return -1 - subject;
}

class Collectives {
public:
  /// What one NPU does in a stream of its current collective, or did in its last one.
  struct Participation {
    const CollectivePlan* plan = nullptr;  ///< null: it has ended
    std::int64_t number = 0;               ///< of the stream on this NPU
    std::size_t phase = 0;
    RankSchedule schedule;
    std::int64_t sent = 0;
    std::int64_t posted = 0;
    std::int64_t received = 0;  ///< and past their endpoint delay
    std::int64_t processed = 0;
    std::int64_t priority = 0;
    Nanos entered;                      ///< the phase
    Bytes sent_so_far;                  ///< in the phase; only while somebody listens
    bool waits_for_ring = false;        ///< until all are there; nothing of it is pending
    std::vector<std::size_t> queues{};  ///< by phase; empty when it never has to wait
  };

  /// `islands` must outlive it.
  Collectives(const Islands& islands, const DeviceSimulatorSpec& spec);

  /// Rings of NPUs with equal costs need no messages. `recurrence` must outlive this.
  void close_rings(Recurrence& recurrence);
  /// What has been done by these NPUs, was done later by `by`.
  void postpone(std::span<const std::int32_t> npus, Nanos by);

  /// Null: nobody.
  void listen(DeviceListener* listener) { listener_ = listener; }

  /// Enters a collective. False when it has no other member and so has ended already; it takes no
  /// number then.
  bool enter(DeviceEventQueue& queue, Nanos now, std::int32_t npu, const GraphNode& node);
  /// A message that a stream of the NPU waits for is there.
  void receive(DeviceEventQueue& queue, Nanos now, std::int32_t npu, std::int32_t stream);
  /// exchange_waited.
  bool on_waited(DeviceEventQueue& queue, Wire& wire, Mailbox& mailbox, Nanos now, std::int32_t npu,
                 std::int32_t subject);
  /// exchange_acts; true when the NPU has finished the collective: its node has ended.
  bool on_acts(DeviceEventQueue& queue, Wire& wire, Mailbox& mailbox, Nanos now, std::int32_t npu,
               std::int32_t subject);

  /// Of the current collective, by place.
  [[nodiscard]] const std::vector<Participation>& streams_of(std::int32_t npu) const {
    return states_[static_cast<std::size_t>(npu)].streams;
  }

private:
  /// Plans of the last few different collectives; an iteration repeats two or three.
  static constexpr std::size_t kPlans = 4;
  struct State {
    State(const DeviceIsland& island_in, const CollectiveCosts& costs_in,
          const StreamSettings& settings)
        : island(&island_in), costs(costs_in), queues(island_in.topology.num_dims(), settings) {}

    const DeviceIsland* island;
    CollectiveCosts costs;
    std::vector<Participation> streams;
    std::int64_t under_way = 0;  ///< streams that have not ended
    std::int64_t next_number = 0;
    StreamQueues queues;
    std::array<CollectivePlan, kPlans> plans;
    std::size_t oldest_plan = 0;
  };

  /// First member, dimension, number of the collective on each, its kind and size.
  using RingKey = std::tuple<std::int32_t, std::size_t, std::int64_t, CollectiveKind, Bytes>;
  using Rings = std::map<RingKey, std::vector<std::int32_t>>;

  /// `keep`: a plan in use, which must stay.
  const CollectivePlan& plan_for(State& state, const CollectiveRequest& request,
                                 const CollectivePlan* keep = nullptr);
  void begin(DeviceEventQueue& queue, Nanos now, std::int32_t npu, std::int32_t stream);
  void stand_in_line(DeviceEventQueue& queue, Nanos now, std::int32_t npu, std::int32_t stream);
  void start_waiting(DeviceEventQueue& queue, Nanos now, std::int32_t npu, std::size_t line);
  void enter_phase(DeviceEventQueue& queue, Nanos now, std::int32_t npu, std::int32_t stream);
  [[nodiscard]] bool closes(const CollectivePhase& phase) const;
  void join_ring(DeviceEventQueue& queue, std::int32_t npu);
  Rings::iterator take_spare_ring(const RingKey& key);
  void end_ring(DeviceEventQueue& queue, const std::vector<std::int32_t>& members);
  bool leave_phase(DeviceEventQueue& queue, Nanos now, std::int32_t npu, std::int32_t stream);
  void send(DeviceEventQueue& queue, Wire& wire, Nanos now, std::int32_t npu, std::int32_t stream);
  void post(DeviceEventQueue& queue, Mailbox& mailbox, Nanos now, std::int32_t npu,
            std::int32_t stream);

  DeviceListener* listener_ = nullptr;
  Recurrence* recurrence_ = nullptr;            ///< null: rings send messages
  Rings rings_;                                 ///< that lack members
  std::vector<Rings::node_type> spare_rings_;   ///< without members, for reuse
  std::vector<Nanos> ring_begins_, ring_ends_;  ///< of the one that ends; reused
  const Islands& islands_;
  CollectiveSettings settings_;
  StreamSettings streams_;
  Nanos endpoint_delay_;
  std::int64_t num_npus_;
  bool shorten_last_chunk_;
  bool equal_costs_;
  bool queued_;  ///< streams may have to wait, or go round the other way
  std::vector<State> states_;
};

}  // namespace lockstep
