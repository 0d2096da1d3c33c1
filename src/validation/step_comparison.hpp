// Step durations of a recording beside those of a simulation with the same numbers running.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "validation/simulated_request.hpp"
#include "validation/step_segments.hpp"

namespace lockstep {

/// Mean duration of the simulation's decode steps by the number of requests (of all instances) that
/// decode, from the steps after its last first token: there a gap between tokens is a step. Empty
/// where there are none.
[[nodiscard]] StepTimeByRunning simulated_step_times(std::span<const SimulatedRequest> requests);

struct ComparedSegment {
  double running = 0;  ///< mean over its steps
  std::int64_t steps = 0;
  double begin_s = 0;                        ///< since the recording's first token
  double recorded_ms = 0, simulated_ms = 0;  ///< a step; simulated: NaN where not known
};

struct StepComparison {
  std::vector<ComparedSegment> segments;  ///< after the last first token, of at least 3 steps
  std::int64_t contradictions = 0;        ///< a recording with preemptions has some
  std::size_t groups = 0, dropped = 0;
  bool client_stamps = false;  ///< nothing is known of steps then
};

[[nodiscard]] StepComparison compare_steps(const RecordedRun& recorded,
                                           std::span<const SimulatedRequest> simulated);

/// One line a segment, by the number running. Ends with a newline.
[[nodiscard]] std::string step_table(const StepComparison& comparison);

}  // namespace lockstep
