// Asynchronous scheduling: while a step runs, the next one is already put together. What a free NPU
// gets was formed when the step before last ended; then the step after it is formed, counting on
// the tokens of the one that starts now.
#include <fmt/format.h>

#include "engine/controller.hpp"

namespace lockstep {

const Program* Controller::answer_ahead(ServingInstance& instance, std::int32_t npu,
                                        std::int64_t iteration, bool batch_done, Nanos now) {
  Scheduler& scheduler = instance.scheduler();
  const bool start = instance.is_start(npu);
  Batch* batch = scheduler.find_inflight(iteration);
  if (batch == nullptr && start) {
    batch = compose(instance, now);
  }
  if (!start && batch_done && scheduler.num_inflight() > 0) {
    compose(instance, now);  // the first NPU was done earlier and has the next step already
  }
  if (batch == nullptr || batch->has_fired(npu)) {
    return nullptr;
  }
  const Program* program = instance.program(batch->id);
  if (program == nullptr && start && runs_ahead_ && wave_of(instance) == nullptr) {
    // The step after this one must be there before both can be told to repeat.
    batch->fired.push_back(npu);
    instance.idle = false;
    compose(instance, now);
    return generate_alone(instance, *batch, now);
  }
  if (program == nullptr && start && waves_ahead_ && wave_of(instance)->complete()) {
    return lead_wave(instance, *batch, now);
  }
  if (program == nullptr && start) {
    program = make_program(instance, *batch, now);
  }
  if (program == nullptr) {
    return nullptr;  // its wave is not complete yet: ask again
  }
  batch->fired.push_back(npu);
  if (start) {
    instance.idle = false;
    compose(instance, now);
  }
  return program;
}

/// Where waves may be left out, a batch after this one must be there before both can be told to
/// repeat; a dummy comes when it is called.
const Program* Controller::lead_wave(ServingInstance& instance, Batch& batch, Nanos now) {
  batch.fired.push_back(instance.config().first_npu);
  instance.idle = false;
  if (!batch.dummy) {
    compose(instance, now);
  }
  const Program* program = start_wave(instance, *wave_of(instance), now);
  if (batch.dummy) {
    compose(instance, now);
  }
  return program;
}

/// The batch after those in flight; in a group an idle member joins its peers with a dummy.
Batch* Controller::compose(ServingInstance& instance, Nanos now) {
  Scheduler& scheduler = instance.scheduler();
  const std::int64_t preemptions = scheduler.num_preemptions();
  Batch* batch = scheduler.compose(now);
  activity_ += scheduler.num_preemptions() - preemptions;
  DPWave* wave = wave_of(instance);
  if (batch == nullptr) {
    const bool may_open =
        wave != nullptr && !wave->empty() && !wave->has_entry(instance.config().id) &&
        static_cast<std::int64_t>(scheduler.num_inflight()) < instance.config().max_in_flight();
    if (!may_open) {
      return nullptr;
    }
    batch = scheduler.open_dummy(now);
  }
  ++activity_;
  if (logs(LogSeverity::info)) {
    log(LogSeverity::info, "Scheduler", &instance.config(),
        fmt::format("Scheduling new batch #{} to NPU[{}]", batch->id, instance.config().first_npu));
  }
  if (wave != nullptr) {
    join(*wave, *batch);
  }
  return batch;
}

/// Null while members are missing at the wave of this batch.
const Program* Controller::make_program(ServingInstance& instance, Batch& batch, Nanos now) {
  DPWave* wave = wave_of(instance);
  if (wave == nullptr) {
    return generate_alone(instance, batch, now);
  }
  return wave->complete() ? start_wave(instance, *wave, now) : nullptr;
}

}  // namespace lockstep
