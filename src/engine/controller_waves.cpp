// Waves of a data-parallel group: they begin when all members have brought a batch.
#include <algorithm>

#include "engine/controller.hpp"
#include "engine/step_padding.hpp"

namespace lockstep {

const Program* Controller::join_wave(ServingInstance& instance, Batch& batch, Nanos now) {
  ++activity_;
  DPWave& wave = *wave_of(instance);
  join(wave, batch);
  return wave.complete() ? start_wave(instance, wave, now) : nullptr;
}

/// Makes the programs of all members' batches; that of `instance` is returned.
const Program* Controller::start_wave(ServingInstance& instance, DPWave& wave, Nanos now) {
  wave.take_wave(launched_);
  note_group(wave);
  pad_step(launched_, instance.config());
  begin_ = waves_ahead_ ? leave_out_waves(member_of(instance), now) : now;
  const Program* own = launch_wave(instance, begin_);
  if (waves_ahead_) {
    watch_wave(begin_);
  }
  return own;
}

const Program* Controller::launch_wave(ServingInstance& instance, Nanos begin) {
  const Program* own = nullptr;
  for (Batch* batch : launched_) {
    ServingInstance& member = instance_of(*batch);
    const Program* program = generate(member, *batch, longest_of(launched_), begin);
    if (&member == &instance) {
      own = program;
    } else if (!member.config().terms.async_scheduling) {  // otherwise it waits for this batch
      member.ready_waves.push_back(batch->id);
    }
  }
  report_step(launched_, begin);
  return own;
}

ServingInstance& Controller::instance_of(const Batch& batch) const {
  return *instances_[static_cast<std::size_t>(batch.instance)];
}

}  // namespace lockstep
