#include "plan/evaluation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.hpp"
#include "sweep/described_run.hpp"

namespace lockstep {
namespace {

/// 95 % quantiles of Student's t for 1 to 29 degrees of freedom.
constexpr std::array kStudent = {6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860,
                                 1.833, 1.812, 1.796, 1.782, 1.771, 1.761, 1.753, 1.746,
                                 1.740, 1.734, 1.729, 1.725, 1.721, 1.717, 1.714, 1.711,
                                 1.708, 1.706, 1.703, 1.701, 1.699};

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// How much of a limit is used up: 1 is just kept.
double use_of(const PlanLimit& limit, double value) {
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  if (std::isnan(value)) {
    return kInfinite;
  }
  if (limit.at_least) {
    return value > 0 ? limit.value / value : kInfinite;
  }
  return value / limit.value;
}

double bound_of(const PlanLimit& limit, std::vector<double> values) {
  if (!limit.at_least) {
    return upper_bound(values);
  }
  for (double& value : values) {
    value = -value;
  }
  return -upper_bound(values);
}

std::string first_line(const UserError& error) {
  return error.problem().substr(0, error.problem().find('\n'));
}

}  // namespace

double upper_bound(const std::vector<double>& values) {
  const double mean = mean_of(values);
  if (values.size() < 2) {
    return mean;
  }
  double squares = 0;
  for (const double value : values) {
    squares += (value - mean) * (value - mean);
  }
  const auto count = static_cast<double>(values.size());
  const double t = kStudent[std::min(values.size() - 2, kStudent.size() - 1)];
  return mean + t * std::sqrt(squares / (count - 1) / count);
}

WorkloadRecipe Evaluator::workload(std::int64_t seed, double rate_factor) const {
  WorkloadRecipe recipe = spec_.workload;
  recipe.generator.seed += static_cast<std::uint32_t>(seed);
  recipe.rate_scale *= rate_factor;
  return recipe;
}

Evaluation Evaluator::evaluate(const Candidate& candidate, double rate_factor) const {
  constexpr double kFarOff = 1.25;
  Evaluation result;
  const JsonDocument cluster = cluster_of(spec_, candidate);
  std::vector<std::vector<double>> figures(spec_.limits.size());
  std::vector<double> latencies, rates;
  const auto judge = [&] {
    result.bounds.clear();
    result.worst = 0;
    for (std::size_t i = 0; i < figures.size(); ++i) {
      const PlanLimit& limit = spec_.limits[i];
      const double bound = bound_of(limit, figures[i]);
      result.bounds.push_back(bound);
      const double use = use_of(limit, bound);
      if (use > result.worst) {
        result.worst = use;
        result.problem = use <= 1 ? ""
                                  : fmt::format("{} {:.4g} {} {:.4g}", limit.figure, bound,
                                                limit.at_least ? "<" : ">", limit.value);
      }
    }
    result.holds = result.worst <= 1;
  };
  try {
    for (std::int64_t seed = 0; seed < spec_.seeds; ++seed) {
      ++simulations_;
      const RunFigures run =
          simulate({cluster, spec_.flags, workload(seed, rate_factor)}, spec_.promise, inputs_);
      for (std::size_t i = 0; i < figures.size(); ++i) {
        figures[i].push_back(run.of(spec_.limits[i].figure));
      }
      latencies.push_back(run.of("latency_p99_ms"));
      rates.push_back(run.of("generated_tps"));
      result.seeds = seed + 1;
      if (seed == 0) {
        judge();
        if (result.worst > kFarOff) {
          break;
        }
      }
    }
    judge();
    result.latency_p99_ms = mean_of(latencies);
    result.generated_tps = mean_of(rates);
  } catch (const UserError& error) {
    result = {};
    result.refused = true;
    result.worst = std::numeric_limits<double>::infinity();
    result.problem = first_line(error);
  }
  return result;
}

std::string Evaluator::obstacle(const Candidate& candidate) const {
  try {
    check_run({cluster_of(spec_, candidate), spec_.flags, workload(0, 1.0)}, inputs_);
  } catch (const UserError& error) {
    return first_line(error);
  }
  return {};
}

std::string Evaluator::too_slow_alone(const Candidate& candidate) const {
  if (spec_.flags.options.fidelity == Fidelity::reference) {
    return {};
  }
  const auto all = inputs_.workload(workload(0, 1.0));
  const auto shortest = std::min_element(all->requests.begin(), all->requests.end(),
                                         [](const WorkloadRequest& a, const WorkloadRequest& b) {
                                           return a.input_toks < b.input_toks;
                                         });
  WorkloadRecipe recipe;
  recipe.generator.num_requests = 1;
  recipe.generator.arrivals.kind = ArrivalKind::fixed;
  recipe.generator.input = FixedLength{shortest->input_toks};
  constexpr std::int64_t kTokens = 3;  // a first one and two gaps, the fastest there are
  recipe.generator.output = FixedLength{kTokens};
  ++simulations_;
  const RunFigures alone =
      simulate({cluster_of(spec_, candidate), spec_.flags, recipe}, spec_.promise, inputs_);
  for (const PlanLimit& limit : spec_.limits) {
    if (limit.at_least || limit.figure == "latency_p99_ms") {
      continue;
    }
    const double value = alone.of(limit.figure);
    if (value > limit.value) {
      return fmt::format("alone already {} {:.4g} > {:.4g}", limit.figure, value, limit.value);
    }
  }
  return {};
}

double largest_rate_factor(const Evaluator& evaluator, const Candidate& candidate,
                           double precision) {
  constexpr double kMost = 64;
  const auto holds = [&](double factor) { return evaluator.evaluate(candidate, factor).holds; };
  double good = 1;
  double bad = 1;
  if (holds(1)) {
    for (bad = 2; bad <= kMost && holds(bad); bad *= 2) {
      good = bad;
    }
    if (bad > kMost) {
      return kMost;
    }
  } else {
    for (good = 0.5; good >= 1 / kMost && !holds(good); good /= 2) {
      bad = good;
    }
    if (good < 1 / kMost) {
      return 0;
    }
  }
  while (bad / good > 1 + precision) {
    const double middle = std::sqrt(good * bad);
    (holds(middle) ? good : bad) = middle;
  }
  return good;
}

}  // namespace lockstep
