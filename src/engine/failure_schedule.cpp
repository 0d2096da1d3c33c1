#include "engine/failure_schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace lockstep {

FailureSchedule::FailureSchedule(const Cluster& cluster) {
  for (const Instance& instance : cluster.instances) {
    for (const InstanceFailure& failure : instance.failures) {
      events_.push_back({failure.at, instance.id, false, failure.detected_after});
      if (failure.down_for) {
        events_.push_back({failure.at + *failure.down_for, instance.id, true, {}});
      }
    }
  }
  std::ranges::stable_sort(events_, {}, &Event::time);
}

std::optional<FailureSchedule::Event> FailureSchedule::take(Nanos now) {
  return next_time() <= now ? std::optional(events_[next_++]) : std::nullopt;
}

std::string FailureSchedule::describe_down() const {
  std::map<std::int32_t, Nanos> down;
  for (std::size_t i = 0; i < next_; ++i) {
    const Event& event = events_[i];
    if (event.up) {
      down.erase(event.instance);
    } else {
      down[event.instance] = event.time;
    }
  }
  std::string text;
  for (const auto& [instance, since] : down) {
    text += fmt::format("\n  instance {} is down since {} s", instance,
                        static_cast<double>(since.count()) / 1e9);
  }
  return text;
}

}  // namespace lockstep
