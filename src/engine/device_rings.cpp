// Rings whose ends follow from when their members enter.
#include <algorithm>
#include <utility>

#include "engine/device_collective.hpp"
#include "network/ring_ends.hpp"

namespace lockstep {

void Collectives::close_rings(Recurrence& recurrence) {
  recurrence_ = &recurrence;
}

bool Collectives::closes(const CollectivePhase& phase) const {
  return recurrence_ != nullptr && listener_ == nullptr && equal_costs_ && !queued_ &&
         phase.algorithm.family == CollectiveAlgorithm::Family::ring && !phase.group.flat &&
         phase.steps >= phase.group.members - 1;
}

void Collectives::join_ring(DeviceEventQueue& queue, std::int32_t npu) {
  const State& state = states_[static_cast<std::size_t>(npu)];
  Participation& own = states_[static_cast<std::size_t>(npu)].streams.front();
  own.waits_for_ring = true;
  const CollectivePhase& phase = own.plan->phases[own.phase];
  const Topology& topology = state.island->topology;
  const std::int64_t place = npu - state.island->first_npu;
  const std::int64_t position = phase.group.position(topology, place);
  const auto first = static_cast<std::int32_t>(phase.group.member(topology, place, -position));
  const RingKey key{state.island->first_npu + first, phase.group.dimension, own.number,
                    own.plan->request.kind, phase.message};
  auto ring = rings_.find(key);
  if (ring == rings_.end()) {
    ring = spare_rings_.empty() ? rings_.try_emplace(key).first : take_spare_ring(key);
  }
  ring->second.push_back(npu);
  if (std::ssize(ring->second) == phase.group.members) {
    end_ring(queue, ring->second);
    ring->second.clear();
    spare_rings_.push_back(rings_.extract(ring));
  }
}

/// Rings come and go with every step: their memory stays.
Collectives::Rings::iterator Collectives::take_spare_ring(const RingKey& key) {
  Rings::node_type node = std::move(spare_rings_.back());
  spare_rings_.pop_back();
  node.key() = key;
  return rings_.insert(std::move(node)).position;
}

void Collectives::end_ring(DeviceEventQueue& queue, const std::vector<std::int32_t>& members) {
  const auto stream_of = [this](std::int32_t npu) -> Participation& {
    return states_[static_cast<std::size_t>(npu)].streams.front();
  };
  const State& state = states_[static_cast<std::size_t>(members.front())];
  const Participation& one = stream_of(members.front());
  const CollectivePhase& phase = one.plan->phases[one.phase];
  RingSteps ring{phase.steps, phase.neighbour_time, endpoint_delay_, {}};
  for (std::int64_t k = 0; k < std::min(phase.reductions, phase.steps); ++k) {
    ring.reductions += one.schedule.reduction(state.costs, k);
  }
  const auto place_of = [&](std::int32_t npu) {
    const std::int64_t position =
        phase.group.position(state.island->topology, npu - state.island->first_npu);
    return static_cast<std::size_t>(phase.anticlockwise ? phase.group.members - 1 - position
                                                        : position);
  };
  ring_begins_.resize(members.size());
  for (const std::int32_t npu : members) {
    ring_begins_[place_of(npu)] = stream_of(npu).entered + endpoint_delay_;
  }
  ring_ends(ring_begins_, ring, ring_ends_);
  for (const std::int32_t npu : members) {
    recurrence_->couple(npu, members.front());
    Participation& own = stream_of(npu);
    own.waits_for_ring = false;
    own.sent = own.posted = phase.steps;
    own.processed = phase.steps - 1;  // what follows is the last one's end
    queue.push_own(npu, ring_ends_[place_of(npu)], {1, DeviceEventKind::exchange_acts});
  }
}

void Collectives::postpone(std::span<const std::int32_t> npus, Nanos by) {
  for (const std::int32_t npu : npus) {
    auto& streams = states_[static_cast<std::size_t>(npu)].streams;
    if (!streams.empty() && streams.front().waits_for_ring) {
      streams.front().entered += by;
    }
  }
}

}  // namespace lockstep
