// Who enters the running batch, and in which order: the place where a caller can decide instead of
// the scheduler's own rule (first come, first served; preempted requests first).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/units.hpp"
#include "serving/request.hpp"

namespace lockstep {

class Scheduler;

/// Asked by a scheduler whenever it may form a batch and requests wait, after the running requests
/// have got their tokens. Answers must follow from the arguments alone, or runs do not repeat.
class AdmissionPolicy {
public:
  virtual ~AdmissionPolicy() = default;

  /// `waiting`: the waiting requests that have arrived by `now`, those preempted first, then by
  /// (arrival, id). Returns places in that list, each at most once: the requests that may enter, in
  /// the order in which they are tried. The first one without room ends the step; whoever is not
  /// named goes on waiting.
  [[nodiscard]] virtual std::vector<std::size_t> choose(
      const Scheduler& scheduler, Nanos now, std::span<const Request* const> waiting) = 0;
};

}  // namespace lockstep
