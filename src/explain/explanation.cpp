#include "explain/explanation.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace lockstep {
namespace {

/// Lays the steps along the request's time. Where two of its steps overlap (pieces of one prompt in
/// a pipeline) the earlier one has the time.
class Timeline {
public:
  Timeline(const RequestWatch& watch, const Request& request)
      : watch_(watch), cursor_(request.arrival), end_(request.end_time) {}

  std::vector<Interval> lay() {
    const WatchedStep* before = nullptr;
    for (const WatchedStep& step : watch_.steps()) {
      gap(before, step);
      until(step.launch, {Cause::wave});
      if (step.recomputes) {
        until(step.end, {Cause::recompute});
      } else {
        for (const Interval& interval : step.intervals) {
          until(interval.end, interval.part);
        }
      }
      before = &step;
    }
    until(end_, {Cause::between});
    return std::move(out_);
  }

private:
  void until(Nanos time, Part part) {
    const Nanos to = std::min(time, end_);
    if (to <= cursor_) {
      return;
    }
    if (!out_.empty() && out_.back().part == part) {
      out_.back().end = to;
    } else {
      out_.push_back({part, cursor_, to});
    }
    cursor_ = to;
  }

  void gap(const WatchedStep* before, const WatchedStep& step) {
    if (before == nullptr) {
      until(std::min(running_until(step), step.formed), {Cause::running_step});
      until(step.formed, {Cause::queue});
    } else if (step.preemptions > before->preemptions) {
      until(step.formed, {Cause::preempted});
    } else if (step.instance != before->instance) {
      until(step.formed, {Cause::handover});
    } else {
      until(step.formed, {Cause::between});
    }
  }

  /// End of the first to end of the steps that its instance had under way when it arrived.
  [[nodiscard]] Nanos running_until(const WatchedStep& first) const {
    Nanos earliest = Nanos::max();
    for (const StepWindow& window : watch_.windows()) {
      if (window.instance == first.instance && window.formed <= cursor_ && window.end > cursor_) {
        earliest = std::min(earliest, window.end);
      }
    }
    return earliest == Nanos::max() ? cursor_ : earliest;
  }

  const RequestWatch& watch_;
  Nanos cursor_, end_;
  std::vector<Interval> out_;
};

ExplainedTime between(const std::vector<Interval>& intervals, Nanos begin, Nanos end) {
  ExplainedTime time{begin, end, sum_between(intervals, begin, end)};
  Nanos sum;
  for (const auto& [part, part_time] : time.parts) {
    sum += part_time;
  }
  ensure(sum == time.total(), "the parts of a request's time do not add up");
  return time;
}

}  // namespace

Explanation explain(const RequestWatch& watch) {
  ensure(watch.request().has_value(), "the explained request has not finished");
  const Request& request = *watch.request();
  Explanation out;
  out.request = request.id;
  out.input = request.input;
  out.output = request.output - request.input;
  out.preemptions = request.num_preemptions;
  out.steps = watch.steps();
  for (const WatchedStep& step : out.steps) {
    if (out.instances.empty() || out.instances.back() != step.instance) {
      out.instances.push_back(step.instance);
    }
  }
  out.intervals = Timeline(watch, request).lay();
  out.latency = between(out.intervals, request.arrival, request.end_time);
  Nanos cursor = request.arrival + request.ttft;
  out.ttft = between(out.intervals, request.arrival, cursor);
  for (const Nanos gap : request.itl) {
    out.tokens.push_back(between(out.intervals, cursor, cursor + gap));
    cursor += gap;
  }
  return out;
}

}  // namespace lockstep
