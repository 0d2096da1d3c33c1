// What the controller tells the observer: log records, step lines, heartbeats, who is blocked.
#include <fmt/format.h>

#include <utility>

#include "engine/controller.hpp"
#include "engine/snapshot.hpp"
#include "engine/step_padding.hpp"

namespace lockstep {

void Controller::log(LogSeverity severity, std::string_view component, const Instance* instance,
                     std::string text) {
  observer_.on_log({severity, component, instance != nullptr ? instance->node : -1,
                    instance != nullptr ? instance->id : -1, std::move(text)});
}

void Controller::report_step(const std::vector<Batch*>& batches, Nanos now) {
  observer_.on_launch(batches, now);
  if (!wants_steps_) {
    return;
  }
  StepEvent event;
  event.step = batches.front()->id;
  event.now = now;
  event.elapsed = now - last_step_;
  event.prompt_tokens = step_prompt_;
  event.generated_tokens = step_generated_;
  for (const Batch* batch : batches) {
    event.instances.push_back(batch->instance);
    event.batch_sizes.push_back(static_cast<std::int64_t>(batch->entries.size()));
  }
  for (const auto& instance : instances_) {
    event.npu_used.push_back(npu_bytes_used(instance->scheduler()));
  }
  const Instance& first = instances_[static_cast<std::size_t>(batches.front()->instance)]->config();
  const ExchangeSizes sizes =
      exchange_sizes(first, longest_of(batches), batches.front()->wave_tokens, exchange_, policy_);
  event.dispatch = sizes.dispatch;
  event.combine = sizes.combine;
  event.dispatch_size = sizes.dispatch_size;
  event.combine_size = sizes.combine_size;
  observer_.on_step(event);
  last_step_ = now;
  step_prompt_ = step_generated_ = 0;
}

void Controller::heartbeat(Nanos now) {
  last_log_ += interval_;
  const double ratio = 1e9 / static_cast<double>(interval_.count());
  Heartbeat beat = take_snapshot(cluster_, instances_, now);
  beat.mark = last_log_;
  beat.prompt_throughput = static_cast<double>(window_prompt_) * ratio;
  beat.generation_throughput = static_cast<double>(window_generated_) * ratio;
  if (power_ != nullptr) {
    beat.power = power_->interval_power(now);
  }
  window_prompt_ = window_generated_ = 0;
  interval_throughput_.push_back({beat.prompt_throughput, beat.generation_throughput});
  observer_.on_heartbeat(beat);
}

std::string Controller::describe_blocked(Nanos now) {
  std::string text;
  for (const auto& instance : instances_) {
    if (const auto reason = instance->scheduler().blocked_reason(now)) {
      text += fmt::format("\n  instance {}: {}", instance->config().id, *reason);
    }
  }
  for (std::size_t g = 0; g < waves_.size(); ++g) {
    if (waves_[g].empty()) {
      continue;
    }
    for (const std::int32_t member : waves_[g].members()) {
      text += fmt::format(
          "\n  DP group '{}': instance {} {}", cluster_.dp_groups[g].name, member,
          waves_[g].has_entry(member) ? "waits at the wave's barrier" : "has not joined the wave");
    }
  }
  return text;
}

}  // namespace lockstep
