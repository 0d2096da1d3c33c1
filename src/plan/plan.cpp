#include "plan/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "base/error.hpp"
#include "sweep/parallel.hpp"

namespace lockstep {
namespace {

using Fate = PlanRow::Fate;

/// Numbers of units that the hardware allows.
std::vector<std::int64_t> counts_of(const PlanSpec& spec, const Shape& shape) {
  std::vector<std::int64_t> counts;
  const std::int64_t most = spec.hardware[shape.hardware].most_gpus;
  std::copy_if(spec.space.instances.begin(), spec.space.instances.end(), std::back_inserter(counts),
               [&](std::int64_t count) { return count * shape.gpus() <= most; });
  return counts;
}

class Search {
public:
  Search(const PlanSpec& spec, const Evaluator& evaluator) : spec_(spec), evaluator_(evaluator) {}

  [[nodiscard]] PlanRow look_at(const Shape& shape) const {
    PlanRow row;
    const std::vector<std::int64_t> counts = counts_of(spec_, shape);
    row.candidate = {shape, counts.empty() ? spec_.space.instances.front() : counts.front()};
    decide(counts, row);
    row.cost = row.candidate.cost(spec_);
    return row;
  }

private:
  void decide(const std::vector<std::int64_t>& counts, PlanRow& row) const {
    if (counts.empty()) {
      row.fate = Fate::too_large;
      row.evaluation.problem = fmt::format("needs {} GPUs, {} are to be had", row.candidate.gpus(),
                                           spec_.hardware[row.candidate.shape.hardware].most_gpus);
      return;
    }
    row.evaluation.problem = evaluator_.obstacle(row.candidate);
    if (!row.evaluation.problem.empty()) {
      row.fate = Fate::impossible;
      return;
    }
    row.evaluation.problem = evaluator_.too_slow_alone(row.candidate);
    if (!row.evaluation.problem.empty()) {
      row.fate = Fate::too_slow;
      return;
    }
    smallest_that_holds(counts, row);
  }

  void smallest_that_holds(const std::vector<std::int64_t>& counts, PlanRow& row) const {
    std::size_t low = 0;               // the answer is not before it
    std::size_t high = counts.size();  // this one holds; size(): none so far
    Evaluation best;
    while (low < high) {
      // The largest first when nothing is known: if that fails, all do.
      const std::size_t middle =
          high == counts.size() && low == 0 ? counts.size() - 1 : low + (high - low) / 2;
      Evaluation evaluation = evaluator_.evaluate({row.candidate.shape, counts[middle]}, 1.0);
      if (evaluation.holds) {
        high = middle;
        best = std::move(evaluation);
      } else {
        low = middle + 1;
        if (high == counts.size()) {
          row.evaluation = std::move(evaluation);
          break;
        }
      }
    }
    const bool holds = high < counts.size();
    row.fate = holds ? Fate::holds : Fate::fails;
    row.candidate.instances = counts[holds ? high : counts.size() - 1];
    if (holds) {
      row.evaluation = std::move(best);
    }
  }

  const PlanSpec& spec_;
  const Evaluator& evaluator_;
};

/// Neither worse in anything nor equal in everything.
bool dominates(const PlanRow& a, const PlanRow& b) {
  const double rate_a = a.rate_factor.value_or(0);
  const double rate_b = b.rate_factor.value_or(0);
  const double latency_a = a.evaluation.latency_p99_ms;
  const double latency_b = b.evaluation.latency_p99_ms;
  const bool no_worse = a.cost <= b.cost && latency_a <= latency_b && rate_a >= rate_b;
  return no_worse && (a.cost < b.cost || latency_a < latency_b || rate_a > rate_b);
}

void mark_front(std::vector<PlanRow>& rows, std::int64_t rated) {
  const auto end = rows.begin() + rated;
  for (auto row = rows.begin(); row != end; ++row) {
    row->front = std::none_of(rows.begin(), end,
                              [&](const PlanRow& other) { return dominates(other, *row); });
  }
}

std::string why_lost(const PlanSpec& spec, const PlanRow& winner, const PlanRow& other) {
  if (other.cost > winner.cost) {
    return fmt::format("it costs {:.2f} an hour, {:.2f} more", other.cost,
                       other.cost - winner.cost);
  }
  if (other.evaluation.worst > winner.evaluation.worst) {
    return fmt::format("it costs as much and uses {:.0f} % of its tightest limit, not {:.0f} %",
                       100 * other.evaluation.worst, 100 * winner.evaluation.worst);
  }
  return fmt::format("it is equal in cost and room, and comes after '{}' in the search",
                     winner.candidate.text(spec));
}

/// Of those that were simulated and fail, the one that fails by least.
std::string nearest_miss(const PlanSpec& spec, const std::vector<PlanRow>& rows,
                         std::int64_t holding) {
  const auto first = rows.begin() + holding;
  const auto miss = std::min_element(first, rows.end(), [](const PlanRow& a, const PlanRow& b) {
    const bool fails_a = a.fate == Fate::fails;
    const bool fails_b = b.fate == Fate::fails;
    return fails_a != fails_b ? fails_a : a.evaluation.worst < b.evaluation.worst;
  });
  if (miss == rows.end()) {
    return {};
  }
  return fmt::format("Nearest miss: {} at {:.2f} an hour: {}.", miss->candidate.text(spec),
                     miss->cost, miss->evaluation.problem);
}

std::string verdict_of(const PlanSpec& spec, const PlanResult& result) {
  const std::string miss = nearest_miss(spec, result.rows, result.holding);
  if (result.holding == 0) {
    return fmt::format("Nothing in the search keeps the promises at this load. {}", miss);
  }
  const PlanRow& winner = result.rows.front();
  std::string text =
      fmt::format("Cheapest: {}, {} GPUs, {:.2f} an hour; {:.0f} % of its tightest limit used.",
                  winner.candidate.text(spec), winner.candidate.gpus(), winner.cost,
                  100 * winner.evaluation.worst);
  if (result.holding > 1) {
    text += fmt::format("\nRunner-up: {}: {}.", result.rows[1].candidate.text(spec),
                        why_lost(spec, winner, result.rows[1]));
  }
  return miss.empty() ? text : text + "\n" + miss;
}

}  // namespace

bool ranks_before(const PlanRow& a, const PlanRow& b) {
  const bool holds_a = a.fate == Fate::holds;
  const bool holds_b = b.fate == Fate::holds;
  if (holds_a != holds_b) {
    return holds_a;
  }
  if (a.cost != b.cost) {
    return a.cost < b.cost;
  }
  return holds_a && a.evaluation.worst < b.evaluation.worst;
}

PlanResult make_plan(const PlanSpec& spec, SharedInputs& inputs, const PlanOptions& options) {
  const std::vector<Shape> shapes = all_shapes(spec);
  const Evaluator evaluator(spec, inputs);
  const Search search(spec, evaluator);
  PlanResult result;
  result.rows.resize(shapes.size());
  std::mutex mutex;
  std::int64_t done = 0;
  parallel_for(options.workers, std::ssize(shapes), [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    result.rows[at] = search.look_at(shapes[at]);
    const std::lock_guard lock(mutex);
    ++done;
    if (options.progress) {
      options.progress(done, std::ssize(shapes));
    }
  });
  std::stable_sort(result.rows.begin(), result.rows.end(), ranks_before);
  result.holding = std::count_if(result.rows.begin(), result.rows.end(),
                                 [](const PlanRow& row) { return row.fate == Fate::holds; });
  const std::int64_t rated = std::min(result.holding, options.most_rated);
  parallel_for(options.workers, rated, [&](std::int64_t i) {
    PlanRow& row = result.rows[static_cast<std::size_t>(i)];
    row.rate_factor = largest_rate_factor(evaluator, row.candidate, spec.precision);
  });
  mark_front(result.rows, rated);
  result.simulations = evaluator.simulations();
  result.verdict = verdict_of(spec, result);
  return result;
}

}  // namespace lockstep
