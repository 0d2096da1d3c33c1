// Which instances are on, by the load: Kubernetes' HorizontalPodAutoscaler for an average value,
// with the requests that wait or run as the metric. The instances that are on first are those with
// the lowest ids. It owns no clock and knows no requests; whoever has both asks it.
//
// Scaling up starts the first instances that are off; each takes requests after the cold start.
// Scaling down takes those with the highest ids: one that starts is off at once, one that serves
// takes no further requests and is off when its last one has ended; it is not taken back.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "config/autoscaling.hpp"
#include "engine/fleet_use.hpp"

namespace lockstep {

class Autoscaler {
public:
  Autoscaler(const Autoscaling& settings, std::size_t instances);

  [[nodiscard]] bool takes_requests(std::size_t instance) const {
    return units_[instance].state == State::on;
  }
  [[nodiscard]] bool drains(std::size_t instance) const {
    return units_[instance].state == State::draining;
  }
  /// When it wants to be asked next, `now` included; Nanos::max(): not before something changes.
  /// `moving`: requests are under way.
  [[nodiscard]] Nanos next_time(Nanos now, bool moving) const;
  /// At such a time, with so many requests waiting or running in the cluster. True: somebody
  /// takes requests who did not, or the other way round.
  bool look(Nanos now, std::int64_t requests);
  /// The last request of a draining instance has ended.
  void drained(std::size_t instance, Nanos now);

  /// Of the run up to `now`.
  [[nodiscard]] FleetUse use(Nanos now) const;

private:
  enum class State : std::uint8_t { off, starting, on, draining };
  struct Unit {
    State state = State::off;
    Nanos since;   ///< it is not off
    Nanos ready;   ///< of one that starts
    Nanos was_on;  ///< in all, before `since`
  };
  struct Wanted {
    Nanos time;
    std::int64_t number = 0;
  };

  [[nodiscard]] std::int64_t count(State state) const;
  [[nodiscard]] std::int64_t present() const { return count(State::starting) + count(State::on); }
  [[nodiscard]] std::int64_t wanted(std::int64_t requests) const;
  bool finish_starts(Nanos now);
  void start(Nanos now);
  bool stop(Nanos now);
  void turn_off(Unit& unit, Nanos now);

  Autoscaling settings_;
  std::vector<Unit> units_;
  std::deque<Wanted> wanted_;  ///< of the last scale_down_delay
  Nanos last_look_{0};
  bool settled_ = false;  ///< looking again brings the same
  std::int64_t starts_ = 0;
  std::int64_t most_on_ = 0;
};

}  // namespace lockstep
