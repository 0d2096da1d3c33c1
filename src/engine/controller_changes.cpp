// Which instances a poll has changed something for, so that they are asked again.
#include "engine/controller.hpp"

namespace lockstep {

/// Whose next poll may be answered otherwise than the one before.
void Controller::note_changes(const ServingInstance& instance, bool start,
                              std::int64_t activity_before) {
  const bool acted = activity_ != activity_before;
  if (acted || (start && instance.scheduler().is_restless())) {
    changed_->mark(instance.config().id);
  }
  if (drained_ && acted && instance.scheduler().empty()) {
    if (const DPWave* wave = wave_of(instance)) {
      note_group(*wave);  // its members end together
    }
  }
  if (!drained_ && !router_.has_pending() && !router_.has_open_sessions()) {
    drained_ = true;
    changed_->mark_all();
  }
}

void Controller::note_group(const DPWave& wave) {
  if (changed_ != nullptr) {
    for (const std::int32_t member : wave.members()) {
      changed_->mark(member);
    }
  }
}

/// The first member calls the others, the last one lets them go.
void Controller::join(DPWave& wave, Batch& batch) {
  const bool first = wave.empty();
  wave.join(batch);
  if (first || wave.complete()) {
    note_group(wave);
  }
}

}  // namespace lockstep
