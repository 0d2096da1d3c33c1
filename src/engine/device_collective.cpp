#include "engine/device_collective.hpp"

namespace lockstep {
namespace {

// Tags of sends and receives lie below.
constexpr std::int64_t kFirstTag = 500'000'000;
constexpr std::int64_t kNumTags = 500'000'000;

std::int64_t tag_of(const Collectives::Participation& own) {
  return kFirstTag + own.stream % kNumTags;
}

const CollectivePhase& phase_of(const Collectives::Participation& own) {
  return own.plan->phases[own.phase];
}

}  // namespace

Collectives::Collectives(const Topology& topology, const CollectiveSettings& settings,
                         const CollectiveCosts& costs, std::vector<double> local_mem_bandwidths)
    : topology_(topology),
      settings_(settings),
      costs_(costs),
      states_(static_cast<std::size_t>(topology.num_npus())) {
  for (std::size_t npu = 0; npu < states_.size(); ++npu) {
    states_[npu].costs = costs;
    if (npu < local_mem_bandwidths.size()) {
      states_[npu].costs.local_mem_bandwidth = local_mem_bandwidths[npu];
    }
  }
}

const CollectivePlan& Collectives::plan_for(State& state, const CollectiveRequest& request) {
  for (const CollectivePlan& plan : state.plans) {
    if (plan.request == request) {
      return plan;
    }
  }
  // The NPU is in no collective now, so none of its plans is in use.
  CollectivePlan& plan = state.plans[state.oldest_plan];
  state.oldest_plan = (state.oldest_plan + 1) % kPlans;
  make_plan(topology_, request, settings_, state.costs, plan);
  return plan;
}

bool Collectives::enter(DeviceEventQueue& queue, Nanos now, std::int32_t npu,
                        std::int32_t node_index, const GraphNode& node) {
  State& state = states_[static_cast<std::size_t>(npu)];
  const CollectivePlan& plan = plan_for(state, {node.comm, node.size, node.comm_mask});
  if (plan.phases.empty()) {
    return false;
  }
  Participation& own = state.current;
  own.plan = &plan;
  own.node = node_index;
  own.phase = 0;
  ++own.stream;
  enter_phase(queue, now, npu);
  return true;
}

void Collectives::enter_phase(DeviceEventQueue& queue, Nanos now, std::int32_t npu) {
  Participation& own = states_[static_cast<std::size_t>(npu)].current;
  // Every second use of a tree stands on its head.
  own.schedule = RankSchedule(topology_, phase_of(own), npu, own.stream % 2 != 0);
  own.sent = own.posted = own.received = own.processed = 0;
  queue.push_own(npu, now + costs_.endpoint_delay, {0, DeviceEventKind::exchange_acts});
}

void Collectives::receive(DeviceEventQueue& queue, Nanos now, std::int32_t npu) {
  Participation& own = states_[static_cast<std::size_t>(npu)].current;
  const auto index = static_cast<std::int32_t>(own.received++);
  queue.push_own(npu, now + costs_.endpoint_delay, {index, DeviceEventKind::exchange_waited});
}

bool Collectives::on_waited(DeviceEventQueue& queue, Wire& wire, Mailbox& mailbox, Nanos now,
                            std::int32_t npu, std::int32_t received_index) {
  const Participation& own = states_[static_cast<std::size_t>(npu)].current;
  const Nanos reduction = own.schedule.reduction(costs_, received_index);
  if (reduction > Nanos{0}) {
    queue.push_own(npu, now + reduction, {1, DeviceEventKind::exchange_acts});
    return false;
  }
  return on_acts(queue, wire, mailbox, now, npu, true);
}

bool Collectives::on_acts(DeviceEventQueue& queue, Wire& wire, Mailbox& mailbox, Nanos now,
                          std::int32_t npu, bool has_processed) {
  Participation& own = states_[static_cast<std::size_t>(npu)].current;
  own.processed += has_processed ? 1 : 0;
  for (const std::int64_t until = own.schedule.sends_after(own.processed); own.sent < until;) {
    send(queue, wire, now, npu, own);
  }
  for (const std::int64_t until = own.schedule.receives_after(own.processed); own.posted < until;) {
    post(queue, mailbox, now, npu, own);
  }
  if (own.processed < own.schedule.total()) {
    return false;
  }
  if (++own.phase < own.plan->phases.size()) {
    enter_phase(queue, now, npu);
    return false;
  }
  own.plan = nullptr;
  return true;
}

void Collectives::send(DeviceEventQueue& queue, Wire& wire, Nanos now, std::int32_t npu,
                       Participation& own) {
  const CollectivePhase& phase = phase_of(own);
  const RankSchedule::Message message = own.schedule.send(topology_, own.sent++);
  const bool to_neighbour =
      phase.algorithm.family == CollectiveAlgorithm::Family::ring && !phase.group.flat;
  const Nanos travel = to_neighbour
                           ? phase.neighbour_time
                           : topology_.point_to_point_time(npu, message.peer, message.size);
  wire.send(queue, now + travel,
            {npu, static_cast<std::int32_t>(message.peer), tag_of(own), message.size, -1});
}

void Collectives::post(DeviceEventQueue& queue, Mailbox& mailbox, Nanos now, std::int32_t npu,
                       Participation& own) {
  const RankSchedule::Message message = own.schedule.receive(topology_, own.posted++);
  const MessageKey key{tag_of(own), static_cast<std::int32_t>(message.peer), message.size};
  if (mailbox.post(npu, {key, kCollectiveReceive})) {
    queue.push_own(npu, now, {kCollectiveReceive, DeviceEventKind::message_found});
  }
}

}  // namespace lockstep
