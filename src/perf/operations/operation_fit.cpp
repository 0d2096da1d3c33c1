#include "perf/operations/operation_fit.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/knots.hpp"
#include "base/random.hpp"

namespace lockstep {
namespace {

constexpr double kCounted = 0.5;  // an error beyond this counts no more: a kernel of its own

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
      sum += std::isfinite(error) ? std::min(error, kCounted + 0.1 * error) : 10.0;
    }
    return sum / static_cast<double>(samples_.size());
  }

  const OperationModel& model_;
  const GpuLimits& limits_;
  const std::vector<OperationSample>& samples_;
  std::vector<double> logs_;
};

/// Sample by factor: which factors it touches with which weight.
struct Touch {
  std::size_t factor = 0;
  double weight = 0;
};

class Factors {
public:
  Factors(const OperationModel& model, const GpuLimits& limits,
          const std::vector<OperationSample>& samples)
      : model_(model), limits_(limits), samples_(samples) {
    std::array<double, 8> values{};
    for (const OperationSample& sample : samples) {
      model.along(limits, sample.sizes, values);
      std::vector<Touch>& touches = touches_.emplace_back();
      std::size_t first = 0;
      for (std::size_t axis = 0; axis < model.axes.size(); ++axis) {
        const KnotPlace place = knot_place(model.axes[axis].knots, values[axis]);
        touches.push_back({first + place.lower, 1.0 - place.weight});
        touches.push_back({first + place.lower + 1, place.weight});
        first += model.axes[axis].knots.size();
      }
      count_ = first;
    }
  }

  /// Least absolute errors of the logarithms by least squares with weights 1 / |error|, one
  /// factor after the other; a pull towards 1 settles what no sample decides.
  void improve(OperationCoefficients& fitted) {
    std::vector<double> flat;
    for (const auto& factors : fitted.factors) {
      flat.insert(flat.end(), factors.begin(), factors.end());
    }
    std::vector<double> left;  // what the factors have to explain, less what they do
    for (std::size_t i = 0; i < samples_.size(); ++i) {
      double rest = std::log(samples_[i].micros) -
                    std::log(model_.base(limits_, fitted.values, samples_[i].sizes));
      for (const Touch& touch : touches_[i]) {
        rest -= touch.weight * flat[touch.factor];
      }
      left.push_back(rest);
    }
    for (int sweep = 0; sweep < 25; ++sweep) {
      step(flat, left);
    }
    std::size_t at = 0;
    for (auto& factors : fitted.factors) {
      for (double& factor : factors) {
        factor = flat[at++];
      }
    }
  }

private:
  // All factors at once along the diagonal of the normal equations, damped by the number of axes.
  void step(std::vector<double>& flat, std::vector<double>& left) const {
    for (std::size_t axis = 0; axis < model_.axes.size(); ++axis) {
      std::vector<double> slope(count_, 0.0);
      std::vector<double> weight(count_, 0.02 * static_cast<double>(samples_.size()) / 100.0);
      for (std::size_t i = 0; i < samples_.size(); ++i) {
        const double trust = 1.0 / std::max(std::abs(left[i]), 0.02);
        for (std::size_t side = 0; side < 2; ++side) {
          const Touch& touch = touches_[i][2 * axis + side];
          slope[touch.factor] += trust * touch.weight * left[i];
          weight[touch.factor] += trust * touch.weight;
        }
      }
      std::vector<double> change(count_, 0.0);
      for (std::size_t factor = 0; factor < count_; ++factor) {
        change[factor] = slope[factor] / weight[factor];
        flat[factor] += change[factor];
      }
      for (std::size_t i = 0; i < samples_.size(); ++i) {
        for (std::size_t side = 0; side < 2; ++side) {
          const Touch& touch = touches_[i][2 * axis + side];
          left[i] -= touch.weight * change[touch.factor];
        }
      }
    }
  }

  const OperationModel& model_;
  const GpuLimits& limits_;
  const std::vector<OperationSample>& samples_;
  std::vector<std::vector<Touch>> touches_;
  std::size_t count_ = 0;
};

// Factors that hardly differ from 1 are no knowledge worth a number.
void drop_small(OperationCoefficients& fitted) {
  constexpr double kSmall = 0.03;
  for (auto& factors : fitted.factors) {
    for (double& factor : factors) {
      factor = std::abs(factor) < kSmall ? 0.0 : factor;
    }
  }
}

}  // namespace

namespace {

struct Candidate {
  OperationCoefficients fitted;
  double loss = 0;
};

void improve(Search& search, Factors& factors, int rounds, double first_step,
             Candidate& candidate) {
  for (int round = 0; round < rounds; ++round) {
    search.improve(candidate.fitted, round == 0 ? first_step : 0.1);
    factors.improve(candidate.fitted);
  }
  drop_small(candidate.fitted);
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
  Factors factors(model, limits, for_factors);
  std::vector<Candidate> candidates;
  Search scout(model, limits, for_scouts);
  for (OperationCoefficients& from : starts_around(model, start, effort.starts)) {
    candidates.push_back({std::move(from), 0});
    improve(scout, factors, effort.scout_rounds, 0.4, candidates.back());
  }
  std::stable_sort(candidates.begin(), candidates.end(), by_loss);
  candidates.resize(std::min(candidates.size(), static_cast<std::size_t>(effort.finalists)));
  Search search(model, limits, for_search);
  for (Candidate& candidate : candidates) {
    improve(search, factors, effort.rounds, 0.1, candidate);
  }
  return std::ranges::min_element(candidates, by_loss)->fitted;
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
