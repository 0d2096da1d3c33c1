// Asking only the NPUs for which something has changed. Who is left out would have been answered as
// before, and nothing would have changed by that.
#include "engine/simulation.hpp"

namespace lockstep {

void Simulation::ask_changed_only() {
  asks_.emplace(cluster_);
  device_->list_finished();
  controller_->note_changes_in(&asks_->changed());
  for (auto& instance : instances_) {
    instance->scheduler().note_wakes_in(&asks_->changed());
  }
}

void Simulation::refresh(std::int32_t npu) {
  if (!asks_) {
    return;
  }
  if (const auto position = asks_->position_of(npu)) {
    asks_->set_free(*position, asks(polled_at(*position)));
  }
}

Simulation::PolledNpu& Simulation::polled_at(std::size_t position) {
  const std::size_t ends = end_list_.size();
  return position < ends ? end_list_[position] : start_list_[position - ends];
}

std::optional<std::size_t> Simulation::next_asker(std::size_t from) {
  const Nanos now = device_->now();
  const auto arrival = router_->next_arrival();
  return asks_->next(from, arrival && *arrival <= now, controller_->heartbeat_due(now));
}

void Simulation::hold(const Instance& instance, const HeldProgram& promised) {
  held_[static_cast<std::size_t>(instance.id)] = promised;
  if (asks_) {
    asks_->hold(instance.id, promised.begin);
    refresh(instance.end_npu());
    refresh(instance.first_npu);
  }
}

/// Waves have been left out: until `begin`, when the leader begins another one, or until they are
/// done with the one before it, members have nothing to say.
void Simulation::hold_group(const Instance& leader, Nanos begin) {
  const auto offsets = controller_->wave_offsets();
  group_waits_ = offsets.empty();
  for (std::size_t id = 0; id < instances_.size(); ++id) {
    const Instance& member = instances_[id]->config();
    if (!group_waits_ && member.id != leader.id) {
      hold(member, {nullptr, begin + offsets[id], true});
    }
    refresh(member.first_npu);
  }
}

/// The wave begins for which all members have waited.
void Simulation::release_group() {
  group_waits_ = false;
  for (const PolledNpu& polled : start_list_) {
    refresh(polled.npu);
  }
  if (asks_) {
    asks_->changed().mark_all();
  }
}

bool Simulation::poll_changed() {
  device_->take_finished(finished_);
  for (const std::int32_t npu : finished_) {
    if (const auto position = asks_->position_of(npu)) {
      refresh(npu);
      asks_->note(*position);
    }
  }
  asks_->note_held(device_->now());
  asks_->note_changed();
  for (auto at = next_asker(0); at; at = next_asker(*at + 1)) {
    if (!poll(polled_at(*at), *at >= end_list_.size())) {
      return false;
    }
    asks_->note_changed();
  }
  return true;
}

}  // namespace lockstep
