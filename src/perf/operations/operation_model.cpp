#include "perf/operations/operation_model.hpp"

#include <algorithm>
#include <cmath>

#include "base/knots.hpp"
#include "perf/operations/saturation.hpp"

namespace lockstep {

OperationCoefficients starting_coefficients(const OperationModel& model) {
  OperationCoefficients fitted;
  for (const CoefficientSpec& spec : model.coefficients) {
    fitted.values.push_back(spec.start);
  }
  for (std::size_t term = 0; term < term_count(model); ++term) {
    fitted.factors.emplace_back(term_size(model, term), 0.0);
  }
  return fitted;
}

double saturation(const OperationModel& model, const GpuLimits& limits,
                  const OperationCoefficients& fitted, const Sizes& sizes) {
  std::array<double, 8> values{};
  model.along(limits, sizes, values);
  double sum = 0;
  for (std::size_t i = 0; i < model.axes.size(); ++i) {
    if (!model.axes[i].knots.empty()) {
      sum += between_knots(model.axes[i].knots, fitted.factors[i], values[i]);
    }
  }
  for (std::size_t i = 0; i < model.grids.size(); ++i) {
    sum += grid_value(model.grids[i], fitted.factors[model.axes.size() + i], values);
  }
  return sum;
}

double model_micros(const OperationModel& model, const GpuLimits& limits,
                    const OperationCoefficients& fitted, const Sizes& sizes) {
  return model.base(limits, fitted.values, sizes) *
         std::exp(saturation(model, limits, fitted, sizes));
}

double blend_times(double a, double b, double p) {
  const double larger = std::max(a, b);
  if (larger <= 0) {
    return 0;
  }
  return larger * std::pow(1.0 + std::pow(std::min(a, b) / larger, p), 1.0 / p);
}

double paid_waves(double load, double paid) {
  return load <= 1 ? 1.0 : load + paid * (std::ceil(load) - load);
}

}  // namespace lockstep
