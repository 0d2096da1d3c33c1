// A request's time as a sum of causes.
#pragma once

#include <vector>

#include "explain/request_watch.hpp"

namespace lockstep {

/// `parts` add up to `end - begin`, exactly.
struct ExplainedTime {
  Nanos begin, end;
  Parts parts;
  [[nodiscard]] Nanos total() const { return end - begin; }
};

struct Explanation {
  std::int64_t request = 0;
  std::int64_t input = 0, output = 0;  ///< tokens: of the prompt, generated
  std::int64_t preemptions = 0;
  std::vector<std::int32_t> instances;  ///< that it was on, in order
  std::vector<WatchedStep> steps;
  std::vector<Interval> intervals;  ///< [arrival, end), one cause at each instant
  ExplainedTime latency;
  ExplainedTime ttft;
  std::vector<ExplainedTime> tokens;  ///< every token after the first
};

/// The watched request must have finished. Throws InternalError otherwise.
[[nodiscard]] Explanation explain(const RequestWatch& watch);

}  // namespace lockstep
