#include "validation/step_comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "validation/comparison.hpp"

namespace lockstep {
namespace {

constexpr std::int64_t kFewestSteps = 3;

struct Sum {
  double ms = 0;
  std::int64_t steps = 0;
};

/// Ascending values at or before a time.
std::int64_t count_until(const std::vector<Nanos>& sorted, Nanos time) {
  return std::upper_bound(sorted.begin(), sorted.end(), time) - sorted.begin();
}

std::string known(double value, const char* form) {
  return std::isnan(value) ? "-" : fmt::format(fmt::runtime(form), value);
}

}  // namespace

StepTimeByRunning simulated_step_times(std::span<const SimulatedRequest> requests) {
  std::vector<Nanos> firsts;
  std::vector<Nanos> lasts;
  for (const SimulatedRequest& request : requests) {
    firsts.push_back(request.arrival + request.ttft);
    lasts.push_back(request.end_time);
  }
  std::sort(firsts.begin(), firsts.end());
  std::sort(lasts.begin(), lasts.end());
  std::map<std::int64_t, Sum> by_running;
  for (const SimulatedRequest& request : requests) {
    Nanos begin = request.arrival + request.ttft;
    for (const Nanos gap : request.itl) {
      if (begin >= firsts.back()) {
        Sum& sum = by_running[count_until(firsts, begin) - count_until(lasts, begin)];
        sum.ms += static_cast<double>(gap.count()) / 1e6;
        ++sum.steps;
      }
      begin += gap;
    }
  }
  std::vector<StepTimeByRunning::Point> points;
  for (const auto& [running, sum] : by_running) {
    points.push_back({static_cast<double>(running), sum.ms / static_cast<double>(sum.steps)});
  }
  return StepTimeByRunning(std::move(points));
}

StepComparison compare_steps(const RecordedRun& recorded,
                             std::span<const SimulatedRequest> simulated) {
  const StepSegments all = find_step_segments(recorded, recorded.data_parallel);
  const StepTimeByRunning times = simulated_step_times(simulated);
  StepComparison out;
  out.contradictions = all.contradictions;
  out.client_stamps = recorded.client_stamps;
  out.groups = all.groups;
  out.dropped = all.dropped;
  for (const StepSegment& segment : all.segments) {
    if (!segment.after_prefill || segment.steps < kFewestSteps) {
      continue;
    }
    SegmentPrediction simulated_steps = predict(all, segment, times);
    if (times.points().empty()) {  // nothing to weigh the steps with: by time
      simulated_steps.running = predict(all, segment, StepTimeByRunning({{1.0, 1.0}})).running;
    }
    out.segments.push_back({simulated_steps.running, segment.steps,
                            static_cast<double>(segment.begin.count()) / 1e9, segment.step_ms(),
                            simulated_steps.step_ms});
  }
  std::stable_sort(
      out.segments.begin(), out.segments.end(),
      [](const ComparedSegment& a, const ComparedSegment& b) { return a.running < b.running; });
  return out;
}

std::string step_table(const StepComparison& comparison) {
  if (comparison.client_stamps) {
    return "Decode steps: not known, for the times are a client's\n";
  }
  std::string text =
      fmt::format("Decode steps, known exactly: {} groups of steps", comparison.groups);
  if (comparison.contradictions > 0) {
    text += fmt::format(
        ", {} left out for {} contradictions; there were preemptions, so that the "
        "others may be wrong too",
        comparison.dropped, comparison.contradictions);
  }
  text += '\n';
  if (comparison.segments.empty()) {
    return text + "no stretch of at least 3 steps after the last first token\n";
  }
  text += fmt::format("{:>9}{:>8}{:>12}{:>15}{:>15}{:>11}{:>10}\n", "running", "steps", "from, s",
                      "recorded, ms", "simulated, ms", "apart, ms", "error %");
  for (const ComparedSegment& segment : comparison.segments) {
    text += fmt::format("{:>9.1f}{:>8}{:>12.3f}{:>15.3f}{:>15}{:>11}{:>10}\n", segment.running,
                        segment.steps, segment.begin_s, segment.recorded_ms,
                        known(segment.simulated_ms, "{:.3f}"),
                        known(segment.simulated_ms - segment.recorded_ms, "{:+.3f}"),
                        known(error_percent(segment.recorded_ms, segment.simulated_ms), "{:+.2f}"));
  }
  return text;
}

}  // namespace lockstep
