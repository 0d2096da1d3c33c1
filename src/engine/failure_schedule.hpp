// When instances go down and come up again, by the cluster file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/cluster.hpp"

namespace lockstep {

class FailureSchedule {
public:
  struct Event {
    Nanos time;
    std::int32_t instance = 0;
    bool up = false;
    Nanos detected_after;  ///< of going down
  };

  explicit FailureSchedule(const Cluster& cluster);

  /// Nothing will happen any more, or ever.
  [[nodiscard]] bool over() const { return next_ == events_.size(); }
  /// Of the next event; Nanos::max(): none.
  [[nodiscard]] Nanos next_time() const { return over() ? Nanos::max() : events_[next_].time; }
  /// The next event up to `now`; those of one instance follow each other as they were written.
  [[nodiscard]] std::optional<Event> take(Nanos now);
  /// "instance 1 is down since 2.5 s", one line an instance that is down; empty: none is.
  [[nodiscard]] std::string describe_down() const;

private:
  std::vector<Event> events_;  ///< by time
  std::size_t next_ = 0;
};

}  // namespace lockstep
