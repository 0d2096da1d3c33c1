// Instances that fail and restart, or that are started and stopped by the load.
#include <fmt/format.h>

#include <algorithm>

#include "engine/simulation.hpp"

namespace lockstep {

void Simulation::set_up_fleet() {
  failures_ = std::make_unique<FailureSchedule>(cluster_);
  fleet_ = cluster_.autoscaling.has_value() || !failures_->over();
  if (!failures_->over()) {
    controller_->end_together();  // who is done may have to take another one's requests
  }
  if (cluster_.autoscaling) {
    scaler_ = std::make_unique<Autoscaler>(*cluster_.autoscaling, instances_.size());
    tell_router();
  }
}

/// The next time at which an instance may come or go.
Nanos Simulation::fleet_time(bool moving) const {
  const Nanos next = failures_->next_time();
  return scaler_ ? std::min(next, scaler_->next_time(device_->now(), moving)) : next;
}

bool Simulation::fleet_moves() const {
  return device_->busy() || router_->next_arrival().has_value();
}

/// What is due now, before anybody asks. Steps may be left out up to the next time only.
void Simulation::attend_fleet() {
  if (!fleet_) {
    return;
  }
  const Nanos now = device_->now();
  while (const auto event = failures_->take(now)) {
    event->up ? restart(event->instance) : fail(event->instance, event->detected_after);
  }
  if (scaler_ && scaler_->next_time(now, fleet_moves()) <= now) {
    std::int64_t requests = 0;
    for (const auto& instance : instances_) {
      const Scheduler& scheduler = instance->scheduler();
      requests += static_cast<std::int64_t>(scheduler.num_waiting() + scheduler.num_running());
    }
    if (scaler_->look(now, requests)) {
      tell_router();
      quiet_ = false;
    }
    turn_off_drained();
  }
  // Asked as of later: what is due now has been done.
  controller_->look_no_further(fleet_time(true));
}

void Simulation::tell_router() {
  for (std::size_t i = 0; i < instances_.size(); ++i) {
    router_->set_available(static_cast<std::int32_t>(i), scaler_->takes_requests(i));
  }
}

void Simulation::turn_off_drained() {
  for (std::size_t i = 0; scaler_ && i < instances_.size(); ++i) {
    Scheduler& scheduler = instances_[i]->scheduler();
    if (scaler_->drains(i) && scheduler.empty()) {
      scaler_->drained(i, device_->now());
      static_cast<void>(scheduler.lose_all(device_->iteration(instances_[i]->config().first_npu)));
    }
  }
}

void Simulation::fail(std::int32_t id, Nanos detected_after) {
  const Nanos now = device_->now();
  ServingInstance& instance = *instances_[static_cast<std::size_t>(id)];
  run_out(instance);
  held_[static_cast<std::size_t>(id)] = {};
  const std::int64_t begun = device_->iteration(instance.config().first_npu);
  for (std::int64_t batch = std::max<std::int64_t>(begun - instance.config().max_in_flight(), 0);
       batch < begun; ++batch) {
    if (instance.scheduler().find_inflight(batch) != nullptr) {
      observer_.on_batch_done(id, batch, now);  // as far as it came
    }
  }
  const std::vector<Request*> lost = instance.scheduler().lose_all(begun);
  instance.lose_programs();
  for (Request* request : lost) {
    router_->give_back(*request, now + detected_after);
  }
  router_->set_available(id, false);
  ++use_.failures;
  use_.moved_requests += std::ssize(lost);
  quiet_ = false;
  log_fleet(id,
            fmt::format("Instance {} fails; {} requests go back to the router", id, lost.size()));
}

/// A program that the first NPU has begun needs the last one as well: what they have been given
/// runs out, and nobody hears of it.
void Simulation::run_out(ServingInstance& instance) {
  const std::int32_t first = instance.config().first_npu;
  const std::int32_t end = instance.config().end_npu();
  for (std::int64_t batch = device_->iteration(end);
       end != first && batch < device_->iteration(first); ++batch) {
    if (const Program* program = instance.program(batch)) {
      device_->enqueue(instance.graph(*program, end));
    }
  }
}

void Simulation::restart(std::int32_t id) {
  router_->set_available(id, true);
  quiet_ = false;
  log_fleet(id, fmt::format("Instance {} takes requests again", id));
}

void Simulation::log_fleet(std::int32_t id, std::string text) {
  if (observer_.min_severity() <= LogSeverity::info) {
    observer_.on_log({LogSeverity::info, "Router",
                      cluster_.instances[static_cast<std::size_t>(id)].node, id, std::move(text)});
  }
}

std::string Simulation::describe_fleet() const {
  if (router_->anybody_available() || !router_->has_pending()) {
    return {};
  }
  return fmt::format("\n  router: {} requests wait, and no instance is up to take them",
                     router_->num_pending()) +
         failures_->describe_down();
}

FleetUse Simulation::fleet_use() const {
  FleetUse use = scaler_ ? scaler_->use(device_->now()) : FleetUse{};
  use.failures = use_.failures;
  use.moved_requests = use_.moved_requests;
  return use;
}

}  // namespace lockstep
