#include "engine/dp_wave.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace lockstep {

DPWave::DPWave(const DpGroup& group)
    : members_(group.members), entries_(group.members.size()), missing_(group.members.size()) {
  for (std::size_t slot = 0; slot < members_.size(); ++slot) {
    slots_.emplace(members_[slot], slot);
  }
}

std::size_t DPWave::slot(std::int32_t instance) const {
  const auto found = slots_.find(instance);
  ensure(found != slots_.end(), "instance is not a member of the group");
  return found->second;
}

bool DPWave::has_entry(std::int32_t instance) const {
  return !entries_[slot(instance)].empty();
}

bool DPWave::holds(const Batch& batch) const {
  const auto& queue = entries_[slot(batch.instance)];
  return std::find(queue.begin(), queue.end(), &batch) != queue.end();
}

void DPWave::join(Batch& batch) {
  auto& queue = entries_[slot(batch.instance)];
  missing_ -= queue.empty() ? 1U : 0U;
  queue.push_back(&batch);
  ++waiting_;
}

void DPWave::take_wave(std::vector<Batch*>& wave) {
  ensure(complete(), "a wave is taken before every member has joined");
  wave.clear();
  for (auto& queue : entries_) {
    wave.push_back(queue.front());
    queue.erase(queue.begin());
    missing_ += queue.empty() ? 1U : 0U;
  }
  waiting_ -= wave.size();
}

}  // namespace lockstep
