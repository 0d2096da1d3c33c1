// Exact step durations from a recording that has no stamp per step.
//
// One step gives every running request one token, and first and last tokens are stamped with the
// end of their step. So last and first token of a request are `output - 1` steps apart, and equal
// stamps are the same step. Chained through common stamps these relations give groups of steps
// whose distances are known, and between neighbouring stamps of a group a segment of known length.
//
// A group never holds steps of two engines unless they share a stamp. Which engine a group belongs
// to is not recorded. Segments of different groups may overlap in time. Preemption breaks the first
// relation: groups that contradict themselves give no segments, but
// one that a preempted request only extends cannot be told. Trust a recording with contradictions
// little.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "validation/recorded_run.hpp"

namespace lockstep {

/// When a request decodes: tokens 2 and on come in (first, last].
struct DecodeSpan {
  std::size_t request = 0;             ///< index in RecordedRun::requests
  std::int64_t input = 0, output = 1;  ///< tokens
  Nanos first, last;                   ///< since StepSegments::origin: ends of steps
};

struct StepSegment {
  std::size_t group = 0;               ///< segments of one group are on one clock of steps
  std::optional<std::int32_t> engine;  ///< where the recording tells; one engine: 0
  Nanos begin, end;                    ///< ends of two steps, since StepSegments::origin
  std::int64_t steps = 0;              ///< from the one to the other; at least 1
  /// Requests of all engines that decode in some part of it: indices into StepSegments::spans.
  std::vector<std::size_t> running;
  std::int64_t first_tokens = 0;  ///< of all engines in (begin, end]: 0 where no prefill ended
  bool after_prefill = false;     ///< begins at or after the last first token of the whole run

  [[nodiscard]] double step_ms() const {
    return static_cast<double>((end - begin).count()) / static_cast<double>(steps) / 1e6;
  }
};

struct StepSegments {
  double origin = 0;                    ///< s in the recording's clock of tokens: its first stamp
  std::vector<DecodeSpan> spans;        ///< of the complete requests, in their order
  std::vector<StepSegment> segments;    ///< by begin, then end
  std::int64_t contradictions = 0;      ///< relations that did not fit those before
  std::size_t groups = 0, dropped = 0;  ///< of steps; those with a contradiction
};

/// Nothing where the stamps are a client's. `engines`: how many the recording is of (data parallel
/// degree).
[[nodiscard]] StepSegments find_step_segments(const RecordedRun& run, std::int64_t engines = 1);

/// A stretch of a segment with one number of running requests.
struct RunningStretch {
  Nanos time;
  std::int64_t running = 0;
};

/// n(t) of a segment, over all engines: stretches in order of time that add up to its length.
[[nodiscard]] std::vector<RunningStretch> running_in(const StepSegments& all,
                                                     const StepSegment& segment);

/// Duration in ms of a decode step with n running requests, linear between the known points and
/// constant outside. Empty: not known, NaN.
class StepTimeByRunning {
public:
  struct Point {
    double running = 0;
    double ms = 0;
  };
  StepTimeByRunning() = default;
  /// Ascending by `running`, no two equal.
  explicit StepTimeByRunning(std::vector<Point> points) : points_(std::move(points)) {}
  [[nodiscard]] double at(double running) const;
  [[nodiscard]] const std::vector<Point>& points() const { return points_; }

private:
  std::vector<Point> points_;
};

/// What steps of the same n(t) take by `times`: ms a step, and the mean n over steps. A stretch of
/// time t holds t / times(n) steps, up to a factor that is the same for the whole segment.
struct SegmentPrediction {
  double step_ms = 0;
  double running = 0;
};
[[nodiscard]] SegmentPrediction predict(const StepSegments& all, const StepSegment& segment,
                                        const StepTimeByRunning& times);

}  // namespace lockstep
