// The shape of the analytic model of an operation: a base time from a few coefficients with
// physical names, times saturation factors that are piecewise linear in the logarithm of a size.
// All operations share it, so that one fitter, one file format and one evaluation serve them all.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "perf/operations/operations.hpp"

namespace lockstep {

/// What a GPU can do at best, and how the operation's numbers are stored.
struct GpuLimits {
  double multiprocessors = 1;
  double flops = 1;      ///< peak of the number format, per microsecond
  double bandwidth = 1;  ///< of memory, bytes per microsecond
  double cache = 1;      ///< L2, bytes
  double link = 1;       ///< to other GPUs, one direction, bytes per microsecond
  double queries = 128;  ///< that a thread block of the prompts' attention kernel takes
};

/// Sizes of one call, in the order that its model documents.
using Sizes = std::array<double, 10>;

struct CoefficientSpec {
  std::string_view name;
  std::string_view unit;
  double start = 1;
  double least = 0;
  double most = 0;
};

/// A size, and the factor along it: 1 where it has no value. Knots are logarithms to base 2 of the
/// size; none: no factor along this size alone.
struct SaturationAxis {
  std::string_view name;
  std::vector<double> knots;
};

/// A factor over up to three sizes at once, linear along each of them between its knots.
struct SaturationGrid {
  struct Side {
    std::size_t axis = 0;  ///< of the model's
    std::vector<double> knots;
  };
  std::vector<Side> sides;
};

struct OperationModel {
  std::string_view name;
  std::vector<CoefficientSpec> coefficients;
  std::vector<SaturationAxis> axes;
  /// Microseconds before saturation.
  double (*base)(const GpuLimits& limits, std::span<const double> coefficients,
                 const Sizes& sizes) = nullptr;
  /// The size along each axis, as a logarithm to base 2.
  void (*along)(const GpuLimits& limits, const Sizes& sizes, std::span<double> values) = nullptr;
  std::vector<SaturationGrid> grids{};
  /// Microseconds that serving does not undercut, from the datasheet alone; null: none are known.
  /// The model itself may, as its tables do: ratios of its values stay smooth so.
  double (*least)(const GpuLimits& limits, const Sizes& sizes) = nullptr;
};

/// A model's fitted numbers: its coefficients, then the factors of each axis and each grid.
struct OperationCoefficients {
  std::vector<double> values;
  std::vector<std::vector<double>>
      factors;  ///< as logarithms; the last side's knots change fastest
};

/// Coefficients at their starting values, all factors 1.
[[nodiscard]] OperationCoefficients starting_coefficients(const OperationModel& model);

/// Logarithm of the product of the saturation factors.
[[nodiscard]] double saturation(const OperationModel& model, const GpuLimits& limits,
                                const OperationCoefficients& fitted, const Sizes& sizes);
[[nodiscard]] double model_micros(const OperationModel& model, const GpuLimits& limits,
                                  const OperationCoefficients& fitted, const Sizes& sizes);

/// (a^p + b^p)^(1/p): the larger one rules, the more so the larger p is.
[[nodiscard]] double blend_times(double a, double b, double p);
/// Whole waves for `load` (work over what runs at once); `paid` of the last one's idle part counts.
[[nodiscard]] double paid_waves(double load, double paid);

// Sizes: m, n, k, bytes of a weight, bytes of an activation, weight copies read in turn.
[[nodiscard]] const OperationModel& gemm_model();
// Sizes: batch, new tokens, cached tokens, heads, KV heads, head size, window, bytes of a key's
// element.
[[nodiscard]] const OperationModel& context_attention_model();
// Sizes: batch, context, heads, KV heads, head size, window, bytes of a key's element, 1 when the
// cache may be warm in L2 (as measured) or 0 (as in serving).
[[nodiscard]] const OperationModel& generation_attention_model();
// Sizes: batch, new tokens, cached tokens, heads, bytes of a weight, bytes of a cache element.
[[nodiscard]] const OperationModel& latent_module_model();
// Sizes: as above, the kernel alone.
[[nodiscard]] const OperationModel& latent_kernel_model();
// Sizes: tokens, heads.
[[nodiscard]] const OperationModel& latent_absorption_model();
// Sizes: tokens, hidden, intermediate (of the rank), experts, top-k, ranks of expert parallelism,
// skew exponent, bytes of a weight, matrices in.
[[nodiscard]] const OperationModel& experts_model();
// Sizes: batch, tokens, K heads, V heads, head size.
[[nodiscard]] const OperationModel& convolution_model();
[[nodiscard]] const OperationModel& delta_rule_model();
// Sizes: tokens, width.
[[nodiscard]] const OperationModel& quantise_model();
// Sizes: bytes, ranks.
[[nodiscard]] const OperationModel& collective_model();

}  // namespace lockstep
