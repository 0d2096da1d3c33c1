// Fits the saturation factors of a model whose coefficients stand.
#pragma once

#include <cstddef>
#include <vector>

#include "perf/operations/operation_fit.hpp"
#include "perf/operations/operation_model.hpp"
#include "perf/operations/saturation.hpp"

namespace lockstep {

/// An error beyond this, of the logarithm, hardly counts: it is a kernel of its own.
inline constexpr double kCountedError = 0.5;

class FactorFit {
public:
  FactorFit(const OperationModel& model, const GpuLimits& limits,
            const std::vector<OperationSample>& samples);

  /// Least absolute errors of the logarithms by least squares with weights 1 / |error|, all
  /// factors at once; a pull towards 1 settles what few samples decide.
  void improve(OperationCoefficients& fitted) const;
  /// Sets factors to 1 without which the mean error grows by less than `least`, and improves the
  /// others.
  void drop_idle(OperationCoefficients& fitted, double least) const;

private:
  [[nodiscard]] std::vector<double> targets(const OperationCoefficients& fitted) const;
  [[nodiscard]] std::vector<double> residuals(const std::vector<double>& targets,
                                              const std::vector<double>& flat) const;
  void solve(const std::vector<double>& targets, const std::vector<bool>& free, double counted,
             std::vector<double>& flat) const;
  [[nodiscard]] std::vector<double> worth(const std::vector<double>& targets,
                                          const std::vector<double>& flat) const;
  [[nodiscard]] const Touch* touches_of(std::size_t sample) const {
    return touches_.data() + sample * touched_;
  }

  const OperationModel& model_;
  const GpuLimits& limits_;
  const std::vector<OperationSample>& samples_;
  std::vector<Touch> touches_;  ///< as many a sample
  std::size_t touched_ = 0;
  std::size_t count_ = 0;
};

}  // namespace lockstep
