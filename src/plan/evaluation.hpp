// Whether a candidate keeps the promises at a load, from one simulation a seed.
//
// A limit is kept when the one-sided 95 % confidence bound of the figure's mean over the seeds is
// within it (Student's t); with a single seed, when the figure is.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "plan/candidate.hpp"
#include "sweep/shared_inputs.hpp"

namespace lockstep {

struct Evaluation {
  bool holds = false;
  std::string problem;         ///< why not, or why it cannot run
  bool refused = false;        ///< it cannot run at all
  std::vector<double> bounds;  ///< by PlanSpec::limits: what is compared with the limit
  double worst = 0;  ///< largest figure / limit (limit / figure where at least): <= 1 holds
  double latency_p99_ms = 0;  ///< means over the seeds
  double generated_tps = 0;
  std::int64_t seeds = 0;  ///< simulated; fewer than asked for when the first was far off
};

class Evaluator {
public:
  Evaluator(const PlanSpec& spec, SharedInputs& inputs) : spec_(spec), inputs_(inputs) {}

  /// At `rate_factor` times the spec's load. A first seed that misses a limit by more than a
  /// quarter decides alone. Never throws UserError. Safe from any thread.
  [[nodiscard]] Evaluation evaluate(const Candidate& candidate, double rate_factor) const;

  /// Nothing when the candidate can run: else why not (it does not fit, degrees that do not go
  /// together). Simulates nothing.
  [[nodiscard]] std::string obstacle(const Candidate& candidate) const;

  /// Nothing, or why even a single request on the idle cluster is too slow: of the workload's first
  /// requests the one with the shortest prompt, alone. Valid where more load never makes a request
  /// faster, so not asked in the reference's mode, whose idle clock ticks.
  [[nodiscard]] std::string too_slow_alone(const Candidate& candidate) const;

  /// How many were run so far.
  [[nodiscard]] std::int64_t simulations() const { return simulations_; }

private:
  [[nodiscard]] WorkloadRecipe workload(std::int64_t seed, double rate_factor) const;

  const PlanSpec& spec_;
  SharedInputs& inputs_;
  mutable std::atomic<std::int64_t> simulations_{0};
};

/// Upper bound of the mean at 95 %, one-sided; the value itself when there is one.
[[nodiscard]] double upper_bound(const std::vector<double>& values);

/// The largest factor of the load at which the candidate holds, within `precision`: doubled or
/// halved until it changes, then bisected. 0: not even a 1/64 of it; 64: that too.
[[nodiscard]] double largest_rate_factor(const Evaluator& evaluator, const Candidate& candidate,
                                         double precision);

}  // namespace lockstep
