// What a free NPU gets where a step is scheduled when one is asked for.
#include <fmt/format.h>

#include "engine/controller.hpp"

namespace lockstep {

Batch* Controller::next_batch(ServingInstance& instance, std::int32_t npu, std::int64_t iteration,
                              Nanos now) {
  Scheduler& scheduler = instance.scheduler();
  // A dummy that another NPU of this member opened is this NPU's next work: without it the first
  // stage would miss that wave and its peers would wait for ever.
  if (instance.is_start(npu) && instance.config().pp > 1) {
    Batch* waiting = scheduler.find_inflight(iteration);
    if (waiting != nullptr && waiting->dummy && !waiting->has_fired(npu)) {
      waiting->fired.push_back(npu);
      return waiting;
    }
  }
  const std::int64_t preemptions = scheduler.num_preemptions();
  Batch* batch = scheduler.schedule(now, npu, iteration);
  activity_ +=
      scheduler.num_preemptions() - preemptions;  // what was preempted may be admitted next
  return batch;
}

const Program* Controller::answer(ServingInstance& instance, Batch* batch, std::int32_t npu,
                                  Nanos now) {
  if (batch == nullptr) {
    return answer_without_batch(instance, npu, now);
  }
  if (batch->taken_by_one()) {
    if (logs(LogSeverity::info)) {
      log(LogSeverity::info, "Scheduler", &instance.config(),
          fmt::format("Scheduling new batch #{} to NPU[{}]", batch->id, npu));
    }
    return answer_new_batch(instance, *batch, now);
  }
  return answer_joined_batch(instance, *batch, npu);
}

const Program* Controller::answer_without_batch(ServingInstance& instance, std::int32_t npu,
                                                Nanos now) {
  DPWave* wave = wave_of(instance);
  if (wave == nullptr) {
    return nullptr;
  }
  if (!instance.ready_waves.empty()) {
    const std::int64_t id = instance.ready_waves.front();
    instance.ready_waves.erase(instance.ready_waves.begin());
    leave_standby(instance, npu);
    return instance.program(id);
  }
  const bool may_open =
      !wave->empty() && !wave->has_entry(instance.config().id) &&
      static_cast<std::int64_t>(instance.scheduler().num_inflight()) < instance.config().pp;
  if (!may_open) {
    return nullptr;
  }
  Batch* dummy = instance.scheduler().open_dummy(now);
  dummy->fired.push_back(npu);
  leave_standby(instance, npu);
  if (logs(LogSeverity::debug)) {
    log(LogSeverity::debug, "Scheduler", &instance.config(),
        fmt::format("Dummy batch #{} opened by NPU[{}]", dummy->id, npu));
  }
  return join_wave(instance, *dummy, now);
}

/// Of a member that gets work from its group.
void Controller::leave_standby(ServingInstance& instance, std::int32_t npu) const {
  if (!policy_.dummies_are_standby && instance.is_start(npu)) {
    instance.idle = false;
  }
}

const Program* Controller::answer_new_batch(ServingInstance& instance, Batch& batch, Nanos now) {
  ++activity_;
  instance.idle = false;
  if (wave_of(instance) != nullptr) {
    return join_wave(instance, batch, now);
  }
  return generate_alone(instance, batch, now);
}

const Program* Controller::answer_joined_batch(ServingInstance& instance, Batch& batch,
                                               std::int32_t npu) {
  if (instance.is_start(npu)) {
    instance.idle = false;
  }
  const Program* program = instance.program(batch.id);
  if (program == nullptr) {  // its wave is not assembled yet: ask again
    untake(batch, npu);
    return nullptr;
  }
  if (logs(LogSeverity::info)) {
    log(LogSeverity::info, "Scheduler", &instance.config(),
        fmt::format("Scheduling existing batch #{} to NPU[{}]", batch.id, npu));
  }
  return program;
}

}  // namespace lockstep
