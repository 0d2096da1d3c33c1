#include "engine/autoscaler.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/numeric.hpp"

namespace lockstep {

Autoscaler::Autoscaler(const Autoscaling& settings, std::size_t instances)
    : settings_(settings), units_(instances), most_on_(settings.min) {
  ensure(settings.max <= static_cast<std::int64_t>(instances), "more instances than there are");
  for (std::int64_t i = 0; i < settings.min; ++i) {
    units_[static_cast<std::size_t>(i)].state = State::on;
  }
}

std::int64_t Autoscaler::count(State state) const {
  return std::ranges::count(units_, state, &Unit::state);
}

Nanos Autoscaler::next_time(Nanos now, bool moving) const {
  Nanos next = Nanos::max();
  if (settings_.min == settings_.max) {
    return next;
  }
  if (moving || !settled_) {
    const Nanos earliest = std::max(now, last_look_ + Nanos{1});
    next = settings_.interval * ceil_div(earliest.count(), settings_.interval.count());
  }
  for (const Unit& unit : units_) {
    next = unit.state == State::starting ? std::min(next, std::max(now, unit.ready)) : next;
  }
  return next;
}

/// Within the tolerance of the target no change.
std::int64_t Autoscaler::wanted(std::int64_t requests) const {
  const std::int64_t current = present();
  const double ratio = static_cast<double>(requests) / settings_.target;
  if (std::abs(ratio / static_cast<double>(current) - 1) <= settings_.tolerance) {
    return current;
  }
  const double most = static_cast<double>(settings_.max);
  return std::max(settings_.min, static_cast<std::int64_t>(std::min(std::ceil(ratio), most)));
}

bool Autoscaler::look(Nanos now, std::int64_t requests) {
  bool changed = finish_starts(now);
  if (now.count() % settings_.interval.count() != 0 || now <= last_look_) {
    return changed;
  }
  last_look_ = now;
  const std::int64_t number = wanted(requests);
  wanted_.push_back({now, number});
  while (wanted_.front().time < now - settings_.scale_down_delay) {
    wanted_.pop_front();
  }
  const std::int64_t before = present();
  // Who drains still holds its GPUs.
  while (present() < number && present() + count(State::draining) < settings_.max) {
    start(now);
  }
  const std::int64_t most = std::ranges::max(wanted_, {}, &Wanted::number).number;
  while (present() > most) {
    changed = stop(now) || changed;
  }
  const auto other = [&](const Wanted& past) { return past.number != number; };
  settled_ = present() == before && present() == number && std::ranges::none_of(wanted_, other);
  return finish_starts(now) || changed;
}

bool Autoscaler::finish_starts(Nanos now) {
  bool any = false;
  for (Unit& unit : units_) {
    if (unit.state == State::starting && unit.ready <= now) {
      unit.state = State::on;
      any = true;
    }
  }
  return any;
}

void Autoscaler::start(Nanos now) {
  Unit& unit = *std::ranges::find(units_, State::off, &Unit::state);
  unit.state = State::starting;
  unit.since = now;
  unit.ready = now + settings_.cold_start;
  ++starts_;
  most_on_ = std::max(most_on_, present() + count(State::draining));
}

/// True: it took requests.
bool Autoscaler::stop(Nanos now) {
  const auto last = std::find_if(units_.rbegin(), units_.rend(), [](const Unit& unit) {
    return unit.state == State::starting || unit.state == State::on;
  });
  if (last->state == State::on) {
    last->state = State::draining;
    return true;
  }
  turn_off(*last, now);
  return false;
}

void Autoscaler::turn_off(Unit& unit, Nanos now) {
  unit.was_on += now - unit.since;
  unit.state = State::off;
}

void Autoscaler::drained(std::size_t instance, Nanos now) {
  ensure(drains(instance), "an instance is drained that serves");
  turn_off(units_[instance], now);
  settled_ = false;
}

FleetUse Autoscaler::use(Nanos now) const {
  FleetUse use;
  use.scales = true;
  for (const Unit& unit : units_) {
    const Nanos last = unit.state == State::off ? Nanos{0} : now - unit.since;
    use.instance_seconds += static_cast<double>((unit.was_on + last).count()) / 1e9;
  }
  use.starts = starts_;
  use.most_on = most_on_;
  return use;
}

}  // namespace lockstep
