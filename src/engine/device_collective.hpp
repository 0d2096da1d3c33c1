// Collectives, message by message.
//
// Every NPU runs at most one collective at a time. An NPU's k-th collective meets the k-th of its
// peers: they are numbered per NPU, and the number is part of the messages' tag. Early messages
// wait in the mailbox until the receiver has entered.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "engine/device_event.hpp"
#include "engine/device_mailbox.hpp"
#include "engine/device_wire.hpp"
#include "iteration/graph.hpp"
#include "network/collective_plan.hpp"
#include "network/rank_schedule.hpp"

namespace lockstep {

/// Subject of receives that belong to a collective and not to a node of their own.
inline constexpr std::int32_t kCollectiveReceive = -1;

class Collectives {
public:
  /// What one NPU does in its current collective, or did in its last one.
  struct Participation {
    const CollectivePlan* plan = nullptr;
    std::int64_t stream = -1;  ///< number of the collective on this NPU
    std::int32_t node = -1;
    std::size_t phase = 0;
    RankSchedule schedule;
    std::int64_t sent = 0;
    std::int64_t posted = 0;
    std::int64_t received = 0;
    std::int64_t processed = 0;
  };

  Collectives(const Topology& topology, const CollectiveSettings& settings,
              const CollectiveCosts& costs, std::vector<double> local_mem_bandwidths = {});

  /// Enters a collective. False when it has no other member and so has ended already; it takes no
  /// number then.
  bool enter(DeviceEventQueue& queue, Nanos now, std::int32_t npu, std::int32_t node_index,
             const GraphNode& node);
  /// A message that the NPU waits for is there.
  void receive(DeviceEventQueue& queue, Nanos now, std::int32_t npu);
  /// exchange_waited.
  bool on_waited(DeviceEventQueue& queue, Wire& wire, Mailbox& mailbox, Nanos now, std::int32_t npu,
                 std::int32_t received_index);
  /// exchange_acts; true when the NPU has finished the collective: its node has ended.
  bool on_acts(DeviceEventQueue& queue, Wire& wire, Mailbox& mailbox, Nanos now, std::int32_t npu,
               bool has_processed);

  [[nodiscard]] const Participation& of(std::int32_t npu) const {
    return states_[static_cast<std::size_t>(npu)].current;
  }

private:
  /// Plans of the last few different collectives; an iteration repeats two or three.
  static constexpr std::size_t kPlans = 4;
  struct State {
    CollectiveCosts costs;
    Participation current;
    std::array<CollectivePlan, kPlans> plans;
    std::size_t oldest_plan = 0;
  };

  const CollectivePlan& plan_for(State& state, const CollectiveRequest& request);
  void enter_phase(DeviceEventQueue& queue, Nanos now, std::int32_t npu);
  void send(DeviceEventQueue& queue, Wire& wire, Nanos now, std::int32_t npu, Participation& own);
  void post(DeviceEventQueue& queue, Mailbox& mailbox, Nanos now, std::int32_t npu,
            Participation& own);

  const Topology& topology_;
  CollectiveSettings settings_;
  CollectiveCosts costs_;
  std::vector<State> states_;
};

}  // namespace lockstep
