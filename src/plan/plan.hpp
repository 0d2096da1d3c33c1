// The search itself. For every shape the smallest number of units that keeps the promises is found
// by bisection over the list of numbers, which supposes that more units never keep less; the
// cheapest of those wins.
//
// Of equal cost the one with the most room to its limits wins, then the first in search order. The
// result does not depend on the number of workers.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "plan/evaluation.hpp"

namespace lockstep {

/// A shape that was looked at, at the number of units that decided.
struct PlanRow {
  enum class Fate : std::uint8_t {
    impossible,  ///< proved: does not fit, or cannot be built
    too_large,   ///< every number of units is beyond most_gpus
    too_slow,    ///< measured: one request alone already breaks a limit
    fails,       ///< measured: at its largest number of units
    holds,
  };
  Candidate candidate;
  Fate fate = Fate::impossible;
  Evaluation evaluation;
  double cost = 0;                    ///< of an hour
  std::optional<double> rate_factor;  ///< largest load that it holds, in loads asked for
  bool front = false;                 ///< no other that holds is better in cost, latency and rate
};

struct PlanResult {
  std::vector<PlanRow> rows;  ///< those that hold by rank, then the rest by cost and order
  std::int64_t holding = 0;   ///< the first rows
  std::int64_t simulations = 0;
  std::string verdict;  ///< the winner, and why the runner-up lost; or why there is none
};

struct PlanOptions {
  int workers = 1;
  std::int64_t most_rated = 16;  ///< of those that hold: their largest rate is looked for
  std::function<void(std::int64_t done, std::int64_t total)> progress;  ///< may be empty
};

[[nodiscard]] PlanResult make_plan(const PlanSpec& spec, SharedInputs& inputs,
                                   const PlanOptions& options);

/// Better first: holds, cost, room to the limits.
[[nodiscard]] bool ranks_before(const PlanRow& a, const PlanRow& b);

}  // namespace lockstep
