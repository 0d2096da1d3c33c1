#include "engine/controller.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "engine/step_padding.hpp"

namespace lockstep {

Controller::Controller(const Cluster& cluster, const RunOptions& options,
                       const FidelityPolicy& policy,
                       std::vector<std::unique_ptr<ServingInstance>>& instances, Router& router,
                       PowerModel* power, RunObserver& observer)
    : cluster_(cluster),
      policy_(policy),
      instances_(instances),
      router_(router),
      power_(power),
      observer_(observer),
      exchange_(options.expert_exchange),
      strict_(options.strict),
      min_severity_(observer.min_severity()),
      wants_steps_(observer.wants_steps()),
      interval_(static_cast<std::int64_t>(options.log_interval * 1e9)) {
  for (const Instance& instance : cluster.instances) {
    instance_of_npu_.insert(instance_of_npu_.end(), static_cast<std::size_t>(instance.width()),
                            instance.id);
    num_prefill_ += instance.pd == PdType::prefill ? 1 : 0;
  }
  for (const DpGroup& group : cluster.dp_groups) {
    waves_.emplace_back(group);
  }
}

DPWave* Controller::wave_of(const ServingInstance& instance) {
  const auto& group = instance.config().dp_group;
  return group ? &waves_[static_cast<std::size_t>(*group)] : nullptr;
}

PollReply Controller::poll(std::int32_t npu, std::int64_t iteration, Nanos now, bool all_free) {
  all_free_ = all_free;
  begin_ = now;
  auto& instance =
      *instances_[static_cast<std::size_t>(instance_of_npu_[static_cast<std::size_t>(npu)])];
  activity_ += static_cast<std::int64_t>(router_.route_arrived(now));
  const std::int64_t activity = activity_;
  if (instance.is_start(npu)) {
    book_idle(instance, now);
  }
  const bool batch_done = complete(instance, iteration, npu, now);
  const Program* program = nullptr;
  if (instance.config().terms.async_scheduling) {
    program = answer_ahead(instance, npu, iteration, batch_done, now);
  } else {
    program = answer(instance, next_batch(instance, npu, iteration, now), npu, now);
  }
  if (instance.is_start(npu) && heartbeat_due(now)) {
    heartbeat(now);
  }
  const auto end = test_end(instance, npu);
  activity_ += program != nullptr ? 1 : 0;
  if (program != nullptr && waves_ahead_) {
    waves_ahead_->learnt.begins(member_of(instance), program->batch_id, begin_);
  }
  if (changed_ != nullptr) {
    note_changes(instance, instance.is_start(npu), activity);
  }
  if (program != nullptr) {
    return {PollAnswer::program, program, begin_};
  }
  return {end.value_or(PollAnswer::pass), nullptr, now};
}

void Controller::book_idle(ServingInstance& instance, Nanos now) {
  if (!instance.idle) {
    instance.last_end = now;
    instance.idle = true;
  } else if (power_ != nullptr) {
    power_->npu_standby(instance.config(), now, instance.last_end, instance.last_calc);
    instance.last_calc = now;
  }
}

bool Controller::complete(ServingInstance& instance, std::int64_t iteration, std::int32_t npu,
                          Nanos now) {
  const Completion completion = instance.scheduler().add_done(iteration, npu, now);
  if (!completion.batch_done) {
    instance.learnt().half_done(iteration - 1, now);
    return false;
  }
  instance.learnt().done(completion.batch_id, now, instance.config().width() == 1, all_free_);
  if (waves_ahead_) {
    waves_ahead_->learnt.ends(member_of(instance), completion.batch_id, now);
  }
  ++activity_;
  instance.drop_program(completion.batch_id);
  observer_.on_batch_done(instance.config().id, completion.batch_id, now);
  prompt_tokens_ += completion.prompt_tokens;
  generated_tokens_ += completion.generated_tokens;
  window_prompt_ += completion.prompt_tokens;
  window_generated_ += completion.generated_tokens;
  step_prompt_ += completion.prompt_tokens;
  step_generated_ += completion.generated_tokens;
  if (logs(LogSeverity::info)) {
    log(LogSeverity::info, "Scheduler", &instance.config(),
        fmt::format("Batch #{} is done", completion.batch_id));
  }
  for (const Request* request : completion.advanced_elsewhere) {
    instances_[static_cast<std::size_t>(request->instance)]->scheduler().wake();
  }
  for (Request* request : completion.ended) {
    if (instance.config().pd == PdType::prefill && needs_handoff(*request)) {
      if (logs(LogSeverity::info)) {
        log(LogSeverity::info, "Scheduler", &instance.config(),
            fmt::format("Request #{} is prefill done, sent to decode instance", request->id));
      }
      hand_over(*request);
    } else {
      if (logs(LogSeverity::info)) {
        log(LogSeverity::info, "Scheduler", &instance.config(),
            fmt::format("Request #{} is done", request->id));
      }
      ++requests_;
      observer_.on_request_done(*request);
      router_.on_complete(*request, now);
    }
  }
  return true;
}

void Controller::hand_over(Request& request) {
  router_.choose_decode(request).add_decode(request);
}

const Program* Controller::generate_alone(ServingInstance& instance, Batch& batch, Nanos now) {
  if (!(instance.config().terms == EngineTerms::none())) {
    Batch* const alone = &batch;
    pad_step({&alone, 1}, instance.config());
  }
  const bool plain = runs_ahead_ && all_free_ && instance.plain_decodes(batch, now);
  begin_ = plain && !router_.is_open() ? leave_out_steps(instance, batch, now) : now;
  const Program* program = plain ? known_program(instance, batch) : nullptr;
  if (program == nullptr) {
    program = generate(instance, batch, batch.total_len, begin_);
    if (plain) {
      instance.learn_from(batch, begin_);
    }
  }
  launched_.assign(1, &batch);
  report_step(launched_, begin_);
  return program;
}

const Program* Controller::generate(ServingInstance& instance, Batch& batch, std::int64_t wave_len,
                                    Nanos now) {
  ++steps_;
  observer_.on_batch(batch);
  if (logs(LogSeverity::info)) {
    std::vector<std::int64_t> ids;
    for (const BatchEntry& entry : batch.entries) {
      ids.push_back(entry.request->id);
    }
    log(LogSeverity::info, "TraceGenerator", &instance.config(),
        fmt::format("Batch #{}: model={} num_reqs={} total_len={} req_ids=[{}]", batch.id,
                    instance.config().model->name, ids.size(), batch.total_len,
                    fmt::join(ids, ", ")));
  }
  if (power_ != nullptr) {
    power_->begin_batch(instance.config(), now);
  }
  const Program& program = instance.generate(batch, wave_len, now, power_);
  if (power_ != nullptr) {
    power_->end_batch(instance.config());
  }
  if (strict_ && instance.traces().lookups().of(TimeSource::extrapolated) > 0) {
    throw UserError(
        fmt::format("batch {} of instance {} ({} tokens) needs a kernel time beyond the measured "
                    "grid",
                    batch.id, batch.instance, batch.total_len),
        {"", 0, "--strict"}, "measure a larger grid, lower the limits, or run without --strict");
  }
  return &program;
}

std::optional<PollAnswer> Controller::test_end(ServingInstance& instance, std::int32_t npu) {
  const bool may_end = instance.config().pd != PdType::decode || prefill_finished_;
  if (!may_end || instance.done || !instance.scheduler().empty() || router_.has_pending() ||
      router_.has_open_sessions()) {
    return std::nullopt;
  }
  if (end_together_ && !std::ranges::all_of(instances_, [](const auto& other) {
        return other->scheduler().empty();
      })) {
    return std::nullopt;
  }
  if (DPWave* wave = wave_of(instance)) {
    const auto empty = [&](std::int32_t id) {
      return instances_[static_cast<std::size_t>(id)]->scheduler().empty();
    };
    if (!std::all_of(wave->members().begin(), wave->members().end(), empty)) {
      return std::nullopt;
    }
  }
  auto& exited = instance.exited_npus;
  if (std::find(exited.begin(), exited.end(), npu) == exited.end()) {
    exited.push_back(npu);
  }
  ++activity_;
  if (exited.size() == (instance.config().num_npus == 1 ? 1U : 2U)) {
    instance.done = true;
    ++num_done_;
    if (num_done_ == num_prefill_) {
      prefill_finished_ = true;
      if (changed_ != nullptr) {
        changed_->mark_all();
      }
    }
  }
  const bool all_done = num_done_ == static_cast<std::int64_t>(instances_.size());
  return all_done ? PollAnswer::exit : PollAnswer::sleep;
}

}  // namespace lockstep
