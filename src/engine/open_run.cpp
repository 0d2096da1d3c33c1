// A run whose requests come while it goes on.
#include <algorithm>

#include "base/error.hpp"
#include "engine/simulation.hpp"

namespace lockstep {

void Simulation::keep_open() {
  ensure(!begun_, "a run is opened before it begins");
  router_->keep_open();
}

void Simulation::submit(Request& request) {
  ensure(limit_ == Nanos::max() || request.arrival > limit_, "a request arrives in the past");
  router_->submit(request);
}

void Simulation::withdraw(Request& request) {
  if (request.status == RequestStatus::finished && !needs_handoff(request)) {
    return;
  }
  if (!router_->withdraw(request)) {
    instances_[static_cast<std::size_t>(request.instance)]->scheduler().withdraw(request);
    quiet_ = false;  // somebody else may have its place
    settled_ = false;
  }
}

std::optional<Nanos> Simulation::next_time() const {
  if (over_) {
    return std::nullopt;
  }
  if (!begun_) {  // the opening event lies at the first arrival
    return router_->next_arrival() ? std::optional(opening_alarm()) : std::nullopt;
  }
  return device_->busy() ? std::min(device_->next_time(), next_alarm()) : idle_target();
}

bool Simulation::advance_within(Nanos limit) {
  limit_ = limit;
  const bool idle = begun_ && quiet_ && !device_->busy() && !router_->next_arrival();
  if (idle && !std::all_of(instances_.begin(), instances_.end(),
                           [](const auto& instance) { return instance->scheduler().empty(); })) {
    report_stuck();
  }
  const bool forlorn = !router_->anybody_available() && router_->has_pending();
  if (forlorn && begun_ && quiet_ && !device_->busy() && failures_->over()) {
    report_stuck();
  }
  const auto next = next_time();
  return next && *next <= limit && advance();
}

void Simulation::drop_done() {
  for (const auto& instance : instances_) {
    instance->scheduler().drop_done();
  }
}

}  // namespace lockstep
