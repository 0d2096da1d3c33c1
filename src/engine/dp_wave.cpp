#include "engine/dp_wave.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace lockstep {

DPWave::DPWave(const DpGroup& group) : members_(group.members), entries_(group.members.size()) {}

std::size_t DPWave::slot(std::int32_t instance) const {
  const auto found = std::find(members_.begin(), members_.end(), instance);
  ensure(found != members_.end(), "instance is not a member of the group");
  return static_cast<std::size_t>(found - members_.begin());
}

bool DPWave::has_entry(std::int32_t instance) const {
  return !entries_[slot(instance)].empty();
}

bool DPWave::holds(const Batch& batch) const {
  const auto& queue = entries_[slot(batch.instance)];
  return std::find(queue.begin(), queue.end(), &batch) != queue.end();
}

bool DPWave::complete() const {
  return std::none_of(entries_.begin(), entries_.end(),
                      [](const auto& queue) { return queue.empty(); });
}

void DPWave::join(Batch& batch) {
  entries_[slot(batch.instance)].push_back(&batch);
  ++waiting_;
}

void DPWave::take_wave(std::vector<Batch*>& wave) {
  ensure(complete(), "a wave is taken before every member has joined");
  wave.clear();
  for (auto& queue : entries_) {
    wave.push_back(queue.front());
    queue.erase(queue.begin());
  }
  waiting_ -= wave.size();
}

}  // namespace lockstep
