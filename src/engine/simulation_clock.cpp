// Where the clock of a run goes next: to an event of the NPUs, or to what somebody waits for.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/numeric.hpp"
#include "engine/simulation.hpp"

namespace lockstep {
namespace {

constexpr Nanos kClockEnd{std::int64_t{1} << 62};

}  // namespace

Nanos Simulation::opening_alarm() const {
  return std::min(router_->first_arrival(), controller_->log_interval());
}

/// Sums of a time and a duration stay within 64 bits as long as neither is later than this.
void Simulation::check_clock() const {
  if (device_->now() > kClockEnd) {
    throw UserError(
        fmt::format("the simulated clock has passed {} ns (146 years)", kClockEnd.count()),
        {options_.dataset.value_or(options_.cluster_config), 0, {}},
        "check arrival times, tool times and kernel times: nothing takes so long");
  }
}

void Simulation::advance_clock() {
  const Nanos alarm = next_alarm();
  if (alarm != Nanos::max() && (!device_->busy() || alarm < device_->next_time())) {
    device_->advance_idle_to(alarm);
    return;
  }
  if (device_->busy()) {
    if (settled_ && polls_may_be_skipped()) {
      device_->run_until(next_cause(), std::min(limit_, alarm));
    } else {
      device_->step();
    }
    return;
  }
  const auto target = idle_target();
  if (!target) {
    report_stuck();
  }
  device_->advance_idle_to(*target);
}

/// Where the clock goes when nothing is in flight; nothing: whatever is left can never go on.
std::optional<Nanos> Simulation::idle_target() const {
  const Nanos now = device_->now();
  const Nanos fleet = fleet_ ? fleet_time(fleet_moves()) : Nanos::max();
  if (!quiet_) {
    return now + policy_.idle_step;  // something changed without an event
  }
  const auto arrival = router_->next_arrival();
  if (fleet < arrival.value_or(Nanos::max())) {
    return std::max(now, fleet);
  }
  if (!anybody_asks()) {
    return std::nullopt;
  }
  if (policy_.idle_step == Nanos{0}) {
    return arrival ? std::optional(std::max(now, *arrival)) : std::nullopt;
  }
  return arrival || router_->is_open() ? std::optional(idle_jump()) : std::nullopt;
}

/// Otherwise all NPUs wait for each other, and no arrival can change that.
bool Simulation::anybody_asks() const {
  if (asks_) {
    return asks_->anybody_free();
  }
  const auto one_asks = [&](const PolledNpu& polled) { return asks(polled); };
  return std::ranges::any_of(start_list_, one_asks) || std::ranges::any_of(end_list_, one_asks);
}

bool Simulation::any_start_asks() const {
  return asks_ ? asks_->any_start_free()
               : std::ranges::any_of(start_list_, [&](const auto& polled) { return asks(polled); });
}

Nanos Simulation::first_held() const {
  if (asks_) {
    return asks_->first_held().value_or(Nanos::max());
  }
  Nanos first = Nanos::max();
  for (const HeldProgram& waiting : held_) {
    const bool awaited = waiting.program != nullptr || waiting.waits;
    first = awaited ? std::min(first, waiting.begin) : first;
  }
  return first;
}

bool Simulation::asks(const PolledNpu& polled) const {
  const HeldProgram& held = held_[static_cast<std::size_t>(polled.instance)];
  return !polled.asleep && device_->finished(polled.npu) && held.program == nullptr &&
         !held.waits && !group_waits_;
}

/// The next arrival or heartbeat: until then an idle NPU has nothing to hear of, and a busy one
/// until it is done.
Nanos Simulation::next_cause() const {
  if (asks_ && device_->busy() && !asks_->anybody_free()) {
    return Nanos::max();
  }
  const Nanos heartbeat = controller_->next_heartbeat_after() + Nanos{1};
  return std::min(router_->next_arrival().value_or(heartbeat), heartbeat);
}

/// Where the idle clock stands when there is something to hear of.
Nanos Simulation::idle_jump() const {
  const Nanos step = policy_.idle_step;
  const Nanos now = device_->now();
  const Nanos target = next_cause();
  if (!polls_may_be_skipped() || target <= now) {
    return now + step;
  }
  return now + step * ceil_div((target - now).count(), step.count());
}

/// A time to which somebody looks forward that is no event of the NPUs: a program begins that was
/// promised, or there is something to hear of for who waits while others are busy.
Nanos Simulation::next_alarm() const {
  Nanos first = Nanos::max();
  if (!policy_.arrivals_wait_for_events && device_->busy()) {
    const Nanos now = device_->now();
    const auto arrival = router_->next_arrival();
    if ((arrival || !settled_) && anybody_asks()) {
      // What changed in this round was not heard by those who had been asked before.
      first = settled_ ? std::max(*arrival, now) : now;
    }
    if (any_start_asks()) {
      first = std::min(first, std::max(controller_->next_heartbeat_after() + Nanos{1}, now));
    }
  }
  if (fleet_ && device_->busy()) {
    first = std::min(first, std::max(fleet_time(true), device_->now()));
  }
  return std::min(first, first_held());
}

}  // namespace lockstep
