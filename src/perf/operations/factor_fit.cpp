#include "perf/operations/factor_fit.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace lockstep {
namespace {

std::vector<double> flattened(const OperationCoefficients& fitted) {
  std::vector<double> flat;
  for (const auto& factors : fitted.factors) {
    flat.insert(flat.end(), factors.begin(), factors.end());
  }
  return flat;
}

void set_factors(OperationCoefficients& fitted, const std::vector<double>& flat) {
  std::size_t at = 0;
  for (auto& factors : fitted.factors) {
    for (double& factor : factors) {
      factor = flat[at++];
    }
  }
}

// What an error of the logarithm costs.
double cost(double error) {
  const double size = std::abs(error);
  return std::min(size, kCountedError + 0.1 * size);
}

/// Equations A x = b, A symmetric and positive; the lower half is filled.
struct NormalEquations {
  explicit NormalEquations(std::size_t count) : size(count), a(count * count), b(count) {}
  double& at(std::size_t row, std::size_t column) { return a[row * size + column]; }
  std::size_t size;
  std::vector<double> a;
  std::vector<double> b;

  /// By Cholesky's factorisation, in place; b becomes x.
  void solve() {
    for (std::size_t j = 0; j < size; ++j) {
      for (std::size_t i = j; i < size; ++i) {
        double sum = at(i, j);
        for (std::size_t k = 0; k < j; ++k) {
          sum -= at(i, k) * at(j, k);
        }
        at(i, j) = i == j ? std::sqrt(sum) : sum / at(j, j);
      }
    }
    for (std::size_t i = 0; i < size; ++i) {
      for (std::size_t k = 0; k < i; ++k) {
        b[i] -= at(i, k) * b[k];
      }
      b[i] /= at(i, i);
    }
    for (std::size_t i = size; i-- > 0;) {
      for (std::size_t k = i + 1; k < size; ++k) {
        b[i] -= at(k, i) * b[k];
      }
      b[i] /= at(i, i);
    }
  }
};

}  // namespace

FactorFit::FactorFit(const OperationModel& model, const GpuLimits& limits,
                     const std::vector<OperationSample>& samples)
    : model_(model), limits_(limits), samples_(samples) {
  for (std::size_t term = 0; term < term_count(model); ++term) {
    count_ += term_size(model, term);
  }
  std::array<double, 8> values{};
  for (const OperationSample& sample : samples) {
    model.along(limits, sample.sizes, values);
    append_touches(model, values, touches_);
    touched_ = touched_ == 0 ? touches_.size() : touched_;
  }
}

std::vector<double> FactorFit::targets(const OperationCoefficients& fitted) const {
  std::vector<double> targets;
  targets.reserve(samples_.size());
  for (const OperationSample& sample : samples_) {
    targets.push_back(std::log(sample.micros) -
                      std::log(model_.base(limits_, fitted.values, sample.sizes)));
  }
  return targets;
}

std::vector<double> FactorFit::residuals(const std::vector<double>& targets,
                                         const std::vector<double>& flat) const {
  std::vector<double> left = targets;
  for (std::size_t i = 0; i < samples_.size(); ++i) {
    for (std::size_t t = 0; t < touched_; ++t) {
      const Touch& touch = touches_of(i)[t];
      left[i] -= touch.weight * flat[touch.factor];
    }
  }
  return left;
}

void FactorFit::solve(const std::vector<double>& targets, const std::vector<bool>& free,
                      double counted, std::vector<double>& flat) const {
  constexpr double kPull = 1e-4;   // of the mean error, for a factor of e
  constexpr double kRidge = 1e-4;  // for what the samples leave open, however far away
  constexpr double kSmall = 0.02;
  std::vector<std::size_t> place(count_, count_);
  std::vector<double> pulls;  // towards 0 by the absolute value, so that few factors differ from 1
  std::size_t unknowns = 0;
  for (std::size_t factor = 0; factor < count_; ++factor) {
    if (free[factor]) {
      place[factor] = unknowns++;
      pulls.push_back((kPull / std::max(std::abs(flat[factor]), kSmall) + kRidge) *
                      static_cast<double>(samples_.size()));
    } else {
      flat[factor] = 0.0;
    }
  }
  const std::vector<double> left = residuals(targets, flat);
  NormalEquations equations(unknowns);
  for (std::size_t i = 0; i < samples_.size(); ++i) {
    const double size = std::abs(left[i]);
    const double trust = (size > counted ? 0.1 : 1.0) / std::max(size, kSmall);
    const Touch* touches = touches_of(i);
    for (std::size_t t = 0; t < touched_; ++t) {
      const std::size_t row = place[touches[t].factor];
      const double weight = trust * touches[t].weight;
      if (row == count_ || weight == 0) {
        continue;
      }
      equations.b[row] += weight * targets[i];
      for (std::size_t u = 0; u < touched_; ++u) {
        const std::size_t column = place[touches[u].factor];
        if (column <= row) {
          equations.at(row, column) += weight * touches[u].weight;
        }
      }
    }
  }
  for (std::size_t i = 0; i < unknowns; ++i) {
    equations.at(i, i) += pulls[i];
  }
  equations.solve();
  for (std::size_t factor = 0; factor < count_; ++factor) {
    flat[factor] = place[factor] == count_ ? 0.0 : equations.b[place[factor]];
  }
}

void FactorFit::improve(OperationCoefficients& fitted) const {
  constexpr int kSteps = 8;
  constexpr double kAll = 1e9;
  const std::vector<double> goal = targets(fitted);
  std::vector<double> flat = flattened(fitted);
  for (int step = 0; step < kSteps; ++step) {
    // At first all errors count, or factors that are far off would stay there.
    const bool all = step < kSteps / 2;
    solve(goal, std::vector<bool>(count_, true), all ? kAll : kCountedError, flat);
  }
  set_factors(fitted, flat);
}

// How much more all samples together would cost if a factor were 1 and the others stayed.
std::vector<double> FactorFit::worth(const std::vector<double>& targets,
                                     const std::vector<double>& flat) const {
  const std::vector<double> left = residuals(targets, flat);
  std::vector<double> worth(count_, 0.0);
  for (std::size_t i = 0; i < samples_.size(); ++i) {
    const double now = cost(left[i]);
    for (std::size_t t = 0; t < touched_; ++t) {
      const Touch& touch = touches_of(i)[t];
      worth[touch.factor] += cost(left[i] + touch.weight * flat[touch.factor]) - now;
    }
  }
  return worth;
}

void FactorFit::drop_idle(OperationCoefficients& fitted, double least) const {
  constexpr int kRounds = 6;
  constexpr int kSteps = 6;
  const std::vector<double> goal = targets(fitted);
  std::vector<double> flat = flattened(fitted);
  std::vector<bool> free(count_, true);
  for (int round = 0; round < kRounds; ++round) {
    const std::vector<double> values = worth(goal, flat);
    std::vector<std::size_t> idle;
    for (std::size_t factor = 0; factor < count_; ++factor) {
      if (free[factor] && values[factor] < least * static_cast<double>(samples_.size())) {
        idle.push_back(factor);
      }
    }
    // Half of them at a time: what one of two like factors loses, the other gains.
    std::ranges::stable_sort(idle, {}, [&](std::size_t factor) { return values[factor]; });
    idle.resize((idle.size() + 1) / 2);
    for (const std::size_t factor : idle) {
      free[factor] = false;
    }
    for (int step = 0; step < kSteps; ++step) {
      solve(goal, free, kCountedError, flat);
    }
  }
  set_factors(fitted, flat);
}

}  // namespace lockstep
