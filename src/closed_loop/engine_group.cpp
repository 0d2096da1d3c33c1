#include "closed_loop/engine_group.hpp"

#include <algorithm>
#include <cmath>

namespace lockstep {
namespace {

double eager_launches(const StepModel& model, const ServerSettings& server) {
  const auto& sizes = model.options().graph_sizes;
  const std::int64_t beyond = sizes.empty() ? 1 : sizes.back() + 1;
  const double planning = server.flashinfer ? server.host.flashinfer_launch : 0;
  return server.host.kernel_launch * static_cast<double>(model.kernels(beyond)) +
         planning * static_cast<double>(model.model().num_layers());
}

}  // namespace

EngineGroup::EngineGroup(StepModel& model, const ServerSettings& server, std::int64_t engines)
    : model_(model), server_(server), eager_launches_(eager_launches(model, server)) {
  engines_.reserve(static_cast<std::size_t>(engines));  // schedulers know where they are
  for (std::int64_t i = 0; i < engines; ++i) {
    shapes_.push_back(&engines_.emplace_back(server, model.model()).shape());
  }
}

std::optional<Nanos> EngineGroup::next_event() const {
  if (running_) {
    return now_;
  }
  std::optional<Nanos> first;
  for (const ServedEngine& engine : engines_) {
    if (const auto arrival = engine.next_arrival()) {
      first = std::min(first.value_or(*arrival), *arrival);
    }
  }
  return first ? std::optional(std::max(*first, now_)) : std::nullopt;
}

std::int64_t EngineGroup::finish_step() {
  std::int64_t ended = 0;
  for (ServedEngine& engine : engines_) {
    ended += engine.finish_step(now_);
  }
  return ended;
}

void EngineGroup::begin_step() {
  now_ = next_event().value_or(now_);
  const bool busy = running_;  // a step came right before
  running_ = false;
  // With asynchronous scheduling a step is put together while the one before it starts, so it
  // holds what had arrived by then.
  const Nanos cutoff = server_.async_scheduling && busy ? previous_start_ : now_;
  for (ServedEngine& engine : engines_) {
    engine.take_arrivals(cutoff);
    running_ |= engine.form_step(now_);
  }
  if (running_) {
    previous_start_ = now_;
    now_ += step_time();
    ++steps_;
    return;
  }
  if (!next_event()) {
    for (ServedEngine& engine : engines_) {
      engine.require_progress(now_);
    }
  }
}

/// Host time of launches that no graph saves.
double EngineGroup::launches(std::int64_t tokens, bool prompts) const {
  const auto& sizes = model_.options().graph_sizes;
  if (sizes.empty() || tokens > sizes.back()) {
    return eager_launches_;
  }
  return server_.full_graphs && !prompts
             ? 0
             : server_.host.attention_launch * static_cast<double>(model_.model().num_layers());
}

Nanos EngineGroup::step_time() {
  const HostCosts& host = server_.host;
  std::int64_t tokens = 0;
  std::int64_t sequences = 0;
  bool prompts = false;
  for (const ServedEngine& engine : engines_) {
    tokens = std::max(tokens, engine.shape().tokens());
    sequences = std::max(sequences, engine.sequences());
    prompts |= !engine.shape().prompts.empty();
  }
  double gpu = model_.group_micros(shapes_);
  gpu_micros_ += gpu;
  gpu = std::max(gpu, launches(tokens, prompts));
  const double own = host.step + host.step_per_sequence * static_cast<double>(sequences);
  const double micros =
      server_.async_scheduling ? std::max(gpu + host.gap, own) : gpu + host.gap + own;
  return host_time(micros);
}

}  // namespace lockstep
