// A round of polls, down to the programs that NPUs get.
#include <utility>

#include "engine/simulation.hpp"

namespace lockstep {

bool Simulation::poll_all() {
  if (asks_) {
    return poll_changed();
  }
  for (PolledNpu& polled : end_list_) {
    if (!poll(polled, false)) {
      return false;
    }
  }
  for (PolledNpu& polled : start_list_) {
    if (!poll(polled, true)) {
      return false;
    }
  }
  return true;
}

bool Simulation::poll(PolledNpu& polled, bool start_npu) {
  if (polled.asleep || !device_->finished(polled.npu) || held(polled, start_npu)) {
    return true;
  }
  const std::int64_t iteration = device_->iteration(polled.npu);
  if (iteration != polled.reported) {
    polled.reported = iteration;
    log_iteration(polled.npu, iteration);
  }
  const auto& instance = *instances_[static_cast<std::size_t>(polled.instance)];
  const bool free =
      start_npu && controller_->runs_ahead() &&
      (controller_->runs_waves_ahead() ? !device_->busy() : all_free(instance.config()));
  const PollReply reply = controller_->poll(polled.npu, iteration, device_->now(), free);
  observer_.on_poll(polled.npu, iteration, device_->now(), reply.kind);
  switch (reply.kind) {
    case PollAnswer::pass:
      return true;
    case PollAnswer::sleep:
      polled.asleep = true;
      refresh(polled.npu);
      return true;
    case PollAnswer::exit:
      return false;
    case PollAnswer::program:
      if (reply.begin > device_->now()) {
        hold(instance.config(), {reply.program, reply.begin});
        if (controller_->runs_waves_ahead()) {
          hold_group(instance.config(), reply.begin);
        }
        return true;
      }
      launch(*instances_[static_cast<std::size_t>(polled.instance)], *reply.program, polled.npu,
             start_npu);
      return true;
  }
  return true;
}

bool Simulation::held(const PolledNpu& polled, bool start_npu) {
  HeldProgram& waiting = held_[static_cast<std::size_t>(polled.instance)];
  if (waiting.program == nullptr) {
    if (waiting.waits && waiting.begin <= device_->now()) {
      waiting.waits = false;
      refresh(polled.npu);
    }
    return group_waits_ || waiting.waits;
  }
  if (start_npu && waiting.begin <= device_->now()) {
    const Program& program = *std::exchange(waiting.program, nullptr);
    if (group_waits_) {
      release_group();
    }
    launch(*instances_[static_cast<std::size_t>(polled.instance)], program, polled.npu, true);
    launched_held_ = true;
    if (asks_) {
      asks_->changed().mark(polled.instance);
    }
  }
  return true;
}

bool Simulation::all_free(const Instance& instance) const {
  for (std::int32_t npu = instance.first_npu; npu <= instance.end_npu(); ++npu) {
    if (!device_->finished(npu)) {
      return false;
    }
  }
  return true;
}

void Simulation::launch(ServingInstance& instance, const Program& program, std::int32_t npu,
                        bool start_npu) {
  if (start_npu) {
    const std::int32_t end = instance.config().end_npu();
    for (std::int32_t managed = npu + 1; managed < end; ++managed) {
      device_->enqueue(instance.graph(program, managed));
    }
  }
  device_->start(instance.graph(program, npu));
  if (start_npu && !policy_.end_npu_joins_at_next_event) {
    launch_end(instance, program);
  }
  refresh(instance.config().end_npu());
  refresh(npu);
}

/// An idle end NPU begins with the first one. A busy one fetches the batch by itself as soon as it
/// has finished and reported its present one, so that it loses no time either.
void Simulation::launch_end(ServingInstance& instance, const Program& program) {
  const std::int32_t end = instance.config().end_npu();
  Batch* batch = instance.scheduler().find_inflight(program.batch_id);
  const bool ready = end != instance.config().first_npu && device_->finished(end) &&
                     device_->iteration(end) == program.batch_id;
  if (ready && batch != nullptr && !batch->has_fired(end)) {
    batch->fired.push_back(end);
    device_->start(instance.graph(program, end));
  }
}

}  // namespace lockstep
