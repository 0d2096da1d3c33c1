#include "engine/device_collective.hpp"

#include <algorithm>
#include <functional>

#include "network/chunking.hpp"

namespace lockstep {
namespace {

// Tags of sends and receives lie below.
constexpr std::int64_t kFirstTag = 500'000'000;
constexpr std::int64_t kNumTags = 500'000'000;

std::int64_t tag_of(const Collectives::Participation& own) {
  return kFirstTag + own.number % kNumTags;
}

const CollectivePhase& phase_of(const Collectives::Participation& own) {
  return own.plan->phases[own.phase];
}

// Subject of exchange_acts: the stream, and whether it has processed a message.
std::int32_t acts_subject(std::int32_t stream, bool has_processed) {
  return 2 * stream + (has_processed ? 1 : 0);
}

}  // namespace

Collectives::Collectives(const Islands& islands, const DeviceSimulatorSpec& spec)
    : islands_(islands),
      settings_(spec.collectives),
      streams_(spec.streams),
      endpoint_delay_(spec.endpoint_delay),
      num_npus_(spec.topology.num_npus()),
      shorten_last_chunk_(spec.shorten_last_chunk),
      equal_costs_(std::ranges::adjacent_find(spec.local_mem_bandwidths, std::not_equal_to<>()) ==
                   spec.local_mem_bandwidths.end()),
      queued_(spec.streams.dataset_splits > 1 || spec.streams.queues_per_dim > 1) {
  states_.reserve(static_cast<std::size_t>(num_npus_));
  for (std::int32_t npu = 0; npu < num_npus_; ++npu) {
    CollectiveCosts costs{spec.endpoint_delay, spec.local_mem_bandwidth};
    const auto index = static_cast<std::size_t>(npu);
    if (index < spec.local_mem_bandwidths.size()) {
      costs.local_mem_bandwidth = spec.local_mem_bandwidths[index];
    }
    states_.emplace_back(islands.of(npu), costs, spec.streams);
  }
}

const CollectivePlan& Collectives::plan_for(State& state, const CollectiveRequest& request,
                                            const CollectivePlan* keep) {
  for (const CollectivePlan& plan : state.plans) {
    if (plan.request == request) {
      return plan;
    }
  }
  // The NPU is in no collective now, so none of its other plans is in use.
  if (keep == &state.plans[state.oldest_plan]) {
    state.oldest_plan = (state.oldest_plan + 1) % kPlans;
  }
  CollectivePlan& plan = state.plans[state.oldest_plan];
  state.oldest_plan = (state.oldest_plan + 1) % kPlans;
  make_plan(state.island->topology, request, settings_, state.costs, plan, Bytes{num_npus_});
  return plan;
}

bool Collectives::enter(DeviceEventQueue& queue, Nanos now, std::int32_t npu,
                        const GraphNode& node) {
  State& state = states_[static_cast<std::size_t>(npu)];
  const Chunking chunks =
      chunk(node.comm, node.size, num_npus_, streams_.dataset_splits, shorten_last_chunk_);
  const CollectivePlan& plan = plan_for(state, {node.comm, chunks.size, node.comm_mask});
  if (plan.phases.empty()) {
    return false;
  }
  state.streams.resize(static_cast<std::size_t>(chunks.count));
  state.under_way = chunks.count;
  for (Participation& own : state.streams) {
    own.plan = &plan;
    own.phase = 0;
    own.number = state.next_number++;
  }
  if (chunks.last != chunks.size) {
    const CollectiveRequest rest{node.comm, chunks.last, node.comm_mask};
    state.streams.back().plan = &plan_for(state, rest, &plan);
  }
  if (!queued_) {
    enter_phase(queue, now, npu, 0);
    return true;
  }
  const std::int64_t priority = state.queues.next_priority();
  for (std::int32_t stream = 0; stream < chunks.count; ++stream) {
    state.streams[static_cast<std::size_t>(stream)].priority = priority;
    begin(queue, now, npu, stream);
  }
  return true;
}

void Collectives::begin(DeviceEventQueue& queue, Nanos now, std::int32_t npu, std::int32_t stream) {
  State& state = states_[static_cast<std::size_t>(npu)];
  Participation& own = state.streams[static_cast<std::size_t>(stream)];
  // All at once, so that every NPU deals them out alike, whichever stream is faster where.
  own.queues.clear();
  for (const CollectivePhase& phase : own.plan->phases) {
    own.queues.push_back(state.queues.assign(own.plan->request.kind, phase));
  }
  stand_in_line(queue, now, npu, stream);
}

void Collectives::stand_in_line(DeviceEventQueue& queue, Nanos now, std::int32_t npu,
                                std::int32_t stream) {
  State& state = states_[static_cast<std::size_t>(npu)];
  const Participation& own = state.streams[static_cast<std::size_t>(stream)];
  state.queues.arrive(own.queues[own.phase], stream, own.priority);
  start_waiting(queue, now, npu, own.queues[own.phase]);
}

void Collectives::start_waiting(DeviceEventQueue& queue, Nanos now, std::int32_t npu,
                                std::size_t line) {
  StreamQueues& queues = states_[static_cast<std::size_t>(npu)].queues;
  for (auto next = queues.start_next(line); next; next = queues.start_next(line)) {
    enter_phase(queue, now, npu, *next);
  }
}

void Collectives::enter_phase(DeviceEventQueue& queue, Nanos now, std::int32_t npu,
                              std::int32_t stream) {
  State& state = states_[static_cast<std::size_t>(npu)];
  Participation& own = state.streams[static_cast<std::size_t>(stream)];
  const CollectivePhase& phase = phase_of(own);
  const bool anticlockwise = own.queues.empty()
                                 ? phase.anticlockwise
                                 : state.queues.anticlockwise(own.queues[own.phase], phase);
  // Every second use of a tree stands on its head.
  own.schedule = RankSchedule(state.island->topology, phase, npu - state.island->first_npu,
                              {own.number % 2 != 0, anticlockwise});
  own.sent = own.posted = own.received = own.processed = 0;
  own.entered = now;
  own.sent_so_far = Bytes{0};
  if (closes(phase)) {
    join_ring(queue, npu);
    return;
  }
  queue.push_own(npu, now + endpoint_delay_,
                 {acts_subject(stream, false), DeviceEventKind::exchange_acts});
}

void Collectives::receive(DeviceEventQueue& queue, Nanos now, std::int32_t npu,
                          std::int32_t stream) {
  queue.push_own(npu, now + endpoint_delay_, {stream, DeviceEventKind::exchange_waited});
}

bool Collectives::on_waited(DeviceEventQueue& queue, Wire& wire, Mailbox& mailbox, Nanos now,
                            std::int32_t npu, std::int32_t subject) {
  State& state = states_[static_cast<std::size_t>(npu)];
  Participation& own = state.streams[static_cast<std::size_t>(subject)];
  const Nanos reduction = own.schedule.reduction(state.costs, own.received++);
  if (reduction > Nanos{0}) {
    queue.push_own(npu, now + reduction,
                   {acts_subject(subject, true), DeviceEventKind::exchange_acts});
    return false;
  }
  return on_acts(queue, wire, mailbox, now, npu, acts_subject(subject, true));
}

bool Collectives::on_acts(DeviceEventQueue& queue, Wire& wire, Mailbox& mailbox, Nanos now,
                          std::int32_t npu, std::int32_t subject) {
  const std::int32_t stream = subject / 2;
  State& state = states_[static_cast<std::size_t>(npu)];
  Participation& own = state.streams[static_cast<std::size_t>(stream)];
  own.processed += subject % 2;
  for (const std::int64_t until = own.schedule.sends_after(own.processed); own.sent < until;) {
    send(queue, wire, now, npu, stream);
  }
  for (const std::int64_t until = own.schedule.receives_after(own.processed); own.posted < until;) {
    post(queue, mailbox, now, npu, stream);
  }
  if (own.processed < own.schedule.total()) {
    return false;
  }
  return leave_phase(queue, now, npu, stream);
}

bool Collectives::leave_phase(DeviceEventQueue& queue, Nanos now, std::int32_t npu,
                              std::int32_t stream) {
  State& state = states_[static_cast<std::size_t>(npu)];
  Participation& own = state.streams[static_cast<std::size_t>(stream)];
  if (listener_ != nullptr) {
    const ExchangeGroup& group = phase_of(own).group;
    listener_->on_phase({npu, own.plan->request.kind, group.dimension, group.flat, own.sent_so_far,
                         own.entered, now});
  }
  const bool more = ++own.phase < own.plan->phases.size();
  if (!queued_) {
    if (more) {
      enter_phase(queue, now, npu, stream);
      return false;
    }
  } else {
    const std::size_t line = own.queues[own.phase - 1];
    state.queues.leave(line);
    if (more) {
      stand_in_line(queue, now, npu, stream);
    }
    start_waiting(queue, now, npu, line);
    if (more) {
      return false;
    }
  }
  own.plan = nullptr;
  return --state.under_way == 0;
}

void Collectives::send(DeviceEventQueue& queue, Wire& wire, Nanos now, std::int32_t npu,
                       std::int32_t stream) {
  State& state = states_[static_cast<std::size_t>(npu)];
  Participation& own = state.streams[static_cast<std::size_t>(stream)];
  const CollectivePhase& phase = phase_of(own);
  const Topology& topology = state.island->topology;
  const std::int32_t first = state.island->first_npu;
  const RankSchedule::Message message = own.schedule.send(topology, own.sent++);
  const bool to_neighbour =
      phase.algorithm.family == CollectiveAlgorithm::Family::ring && !phase.group.flat;
  const Nanos travel = to_neighbour
                           ? phase.neighbour_time
                           : topology.point_to_point_time(npu - first, message.peer, message.size);
  own.sent_so_far += message.size;
  const auto receiver = first + static_cast<std::int32_t>(message.peer);
  wire.send(queue, now, travel, {npu, receiver, tag_of(own), message.size, -1});
}

void Collectives::post(DeviceEventQueue& queue, Mailbox& mailbox, Nanos now, std::int32_t npu,
                       std::int32_t stream) {
  State& state = states_[static_cast<std::size_t>(npu)];
  Participation& own = state.streams[static_cast<std::size_t>(stream)];
  const RankSchedule::Message message = own.schedule.receive(state.island->topology, own.posted++);
  const auto source = state.island->first_npu + static_cast<std::int32_t>(message.peer);
  const std::int32_t subject = -1 - stream;
  if (mailbox.post(npu, {{tag_of(own), source, message.size}, subject})) {
    queue.push_own(npu, now, {subject, DeviceEventKind::message_found});
  }
}

}  // namespace lockstep
