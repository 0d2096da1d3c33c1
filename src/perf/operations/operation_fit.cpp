#include "perf/operations/operation_fit.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/random.hpp"
#include "perf/operations/factor_fit.hpp"

namespace lockstep {
namespace {

// Evenly spread over the samples in a fixed shuffled order.
std::vector<OperationSample> some_of(const std::vector<OperationSample>& samples,
                                     std::size_t most) {
  std::vector<std::size_t> order(samples.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
  }
  MersenneTwister random = MersenneTwister::from_seed(1);
  std::vector<OperationSample> some;
  for (std::size_t i = 0; i < std::min(most, order.size()); ++i) {
    const auto left = static_cast<double>(order.size() - i);
    const auto pick = i + static_cast<std::size_t>(random.uniform() * left);
    std::swap(order[i], order[pick]);
    some.push_back(samples[order[i]]);
  }
  return some;
}

class Search {
public:
  Search(const OperationModel& model, const GpuLimits& limits,
         const std::vector<OperationSample>& samples)
      : model_(model), limits_(limits), samples_(samples) {}

  [[nodiscard]] double loss_of(const OperationCoefficients& fitted) {
    take_factors(fitted);
    return loss(fitted.values);
  }

  /// Moves the coefficients to a local optimum; the factors stay.
  void improve(OperationCoefficients& fitted, double first_step) {
    take_factors(fitted);
    std::vector<double>& values = fitted.values;
    double best = loss(values);
    std::vector<double> steps(values.size(), first_step);
    for (int turn = 0; turn < 60 && *std::max_element(steps.begin(), steps.end()) > 0.01; ++turn) {
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (steps[i] > 0.01) {
          best = try_both_ways(values, i, steps[i], best);
        }
      }
      if (turn % 15 == 14) {
        for (double& step : steps) {
          step = std::max(step, 0.04);
        }
      }
    }
  }

private:
  void take_factors(const OperationCoefficients& fitted) {
    logs_.clear();
    for (const OperationSample& sample : samples_) {
      logs_.push_back(std::log(sample.micros) - saturation(model_, limits_, fitted, sample.sizes));
    }
  }

  double try_both_ways(std::vector<double>& values, std::size_t i, double& step, double best) {
    const CoefficientSpec& spec = model_.coefficients[i];
    const double before = values[i];
    for (const double factor : {std::exp(step), std::exp(-step)}) {
      values[i] = std::clamp(std::max(before, 1e-3) * factor, spec.least, spec.most);
      const double now = loss(values);
      if (now < best - 1e-6) {
        step = std::min(step * 1.5, 0.6);
        return now;
      }
    }
    values[i] = before;
    step *= 0.5;
    return best;
  }

  [[nodiscard]] double loss(const std::vector<double>& values) const {
    double sum = 0;
    for (std::size_t i = 0; i < samples_.size(); ++i) {
      const double base = model_.base(limits_, values, samples_[i].sizes);
      const double error = std::abs(std::log(base) - logs_[i]);
      sum += std::isfinite(error) ? std::min(error, kCountedError + 0.1 * error) : 10.0;
    }
    return sum / static_cast<double>(samples_.size());
  }

  const OperationModel& model_;
  const GpuLimits& limits_;
  const std::vector<OperationSample>& samples_;
  std::vector<double> logs_;
};

struct Candidate {
  OperationCoefficients fitted;
  double loss = 0;
};

void improve(Search& search, const FactorFit& factors, int rounds, double first_step,
             Candidate& candidate) {
  for (int round = 0; round < rounds; ++round) {
    search.improve(candidate.fitted, round == 0 ? first_step : 0.1);
    factors.improve(candidate.fitted);
  }
  candidate.loss = search.loss_of(candidate.fitted);
}

std::vector<OperationCoefficients> starts_around(const OperationModel& model,
                                                 const OperationCoefficients& start, int count) {
  MersenneTwister random = MersenneTwister::from_seed(7);
  std::vector<OperationCoefficients> starts;
  for (int trial = 0; trial < count; ++trial) {
    OperationCoefficients& fitted = starts.emplace_back(start);
    for (std::size_t i = 0; trial > 0 && i < fitted.values.size(); ++i) {
      const CoefficientSpec& spec = model.coefficients[i];
      fitted.values[i] = std::clamp(fitted.values[i] * std::exp(1.6 * random.uniform() - 0.8),
                                    spec.least, spec.most);
    }
  }
  return starts;
}

}  // namespace

OperationCoefficients fit_operation(const OperationModel& model, const GpuLimits& limits,
                                    const std::vector<OperationSample>& samples,
                                    const OperationCoefficients& start, const FitEffort& effort) {
  const auto by_loss = [](const Candidate& a, const Candidate& b) { return a.loss < b.loss; };
  const auto for_scouts = some_of(samples, effort.scout_samples);
  const auto for_search = some_of(samples, effort.search_samples);
  const auto for_factors = some_of(samples, effort.factor_samples);
  const auto for_scouted_factors = some_of(samples, effort.scout_factor_samples);
  const FactorFit factors(model, limits, for_factors);
  const FactorFit scouted_factors(model, limits, for_scouted_factors);
  std::vector<Candidate> candidates;
  Search scout(model, limits, for_scouts);
  for (OperationCoefficients& from : starts_around(model, start, effort.starts)) {
    candidates.push_back({std::move(from), 0});
    improve(scout, scouted_factors, effort.scout_rounds, 0.4, candidates.back());
  }
  std::stable_sort(candidates.begin(), candidates.end(), by_loss);
  candidates.resize(std::min(candidates.size(), static_cast<std::size_t>(effort.finalists)));
  Search search(model, limits, for_search);
  for (Candidate& candidate : candidates) {
    improve(search, factors, effort.rounds, 0.1, candidate);
  }
  OperationCoefficients& best = std::ranges::min_element(candidates, by_loss)->fitted;
  factors.drop_idle(best, effort.worth);
  return best;
}

FitError error_of(std::vector<double> errors) {
  FitError result;
  result.samples = errors.size();
  if (errors.empty()) {
    return result;
  }
  const auto at = [&](double part) {
    const auto place = static_cast<std::size_t>(part * static_cast<double>(errors.size() - 1));
    std::nth_element(errors.begin(), errors.begin() + static_cast<std::ptrdiff_t>(place),
                     errors.end());
    return errors[place];
  };
  result.bias = at(0.5);
  for (double& error : errors) {
    error = std::abs(error);
  }
  result.median = at(0.5);
  result.p90 = at(0.9);
  return result;
}

FitError fit_error(const OperationModel& model, const GpuLimits& limits,
                   const OperationCoefficients& fitted,
                   const std::vector<OperationSample>& samples) {
  std::vector<double> errors;
  errors.reserve(samples.size());
  for (const OperationSample& sample : samples) {
    errors.push_back(model_micros(model, limits, fitted, sample.sizes) / sample.micros - 1.0);
  }
  return error_of(std::move(errors));
}

}  // namespace lockstep
