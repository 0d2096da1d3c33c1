// Fits a model's coefficients to measured calls. Deterministic: same samples, same result.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "perf/operations/operation_model.hpp"

namespace lockstep {

struct OperationSample {
  Sizes sizes{};
  double micros = 0;
  std::int64_t group =
      0;  ///< of a held-out kind: a head size, a model; what it is, the reader knows
};

struct FitEffort {
  std::size_t scout_samples = 1500;  ///< for the coefficients, from every start
  std::size_t scout_factor_samples = 5000;
  int scout_rounds = 2;                ///< of coefficients and factors in turn
  int starts = 24;                     ///< the given values, then disturbed ones
  int finalists = 3;                   ///< the best of them are taken further
  std::size_t search_samples = 8000;   ///< for their coefficients
  int rounds = 6;                      ///< of coefficients and factors in turn
  std::size_t factor_samples = 20000;  ///< for the saturation factors
  double worth = 1e-3;                 ///< of the mean error: what a factor must save to be kept
};

/// Minimises the mean of |ln(model / measured)|, single errors counted up to a half: first the
/// coefficients by compass search in their logarithms, then the saturation factors by reweighted
/// least squares, in turn. Starts at `start`.
[[nodiscard]] OperationCoefficients fit_operation(const OperationModel& model,
                                                  const GpuLimits& limits,
                                                  const std::vector<OperationSample>& samples,
                                                  const OperationCoefficients& start,
                                                  const FitEffort& effort = {});

/// Relative error |model - measured| / measured.
struct FitError {
  double median = 0;
  double p90 = 0;
  double bias = 0;  ///< median of the signed error
  std::size_t samples = 0;
};
[[nodiscard]] FitError error_of(std::vector<double> signed_errors);
[[nodiscard]] FitError fit_error(const OperationModel& model, const GpuLimits& limits,
                                 const OperationCoefficients& fitted,
                                 const std::vector<OperationSample>& samples);

}  // namespace lockstep
