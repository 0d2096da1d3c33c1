#include "perf/operations/operation_model.hpp"

#include <algorithm>
#include <cmath>

namespace lockstep {

OperationCoefficients starting_coefficients(const OperationModel& model) {
  OperationCoefficients fitted;
  for (const CoefficientSpec& spec : model.coefficients) {
    fitted.values.push_back(spec.start);
  }
  for (const SaturationAxis& axis : model.axes) {
    fitted.factors.emplace_back(axis.knots.size(), 0.0);
  }
  return fitted;
}

KnotPlace knot_place(std::span<const double> knots, double value) {
  const auto above = std::upper_bound(knots.begin(), knots.end(), value) - knots.begin();
  const auto last = static_cast<std::ptrdiff_t>(knots.size()) - 2;
  const auto lower = static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(above - 1, 0, last));
  const double weight = (value - knots[lower]) / (knots[lower + 1] - knots[lower]);
  return {lower, std::clamp(weight, 0.0, 1.0)};
}

double saturation(const OperationModel& model, const OperationCoefficients& fitted,
                  const Sizes& sizes) {
  std::array<double, 8> values{};
  model.along(sizes, values);
  double sum = 0;
  for (std::size_t i = 0; i < model.axes.size(); ++i) {
    const KnotPlace place = knot_place(model.axes[i].knots, values[i]);
    const std::vector<double>& factors = fitted.factors[i];
    sum += factors[place.lower] + place.weight * (factors[place.lower + 1] - factors[place.lower]);
  }
  return sum;
}

double model_micros(const OperationModel& model, const GpuLimits& limits,
                    const OperationCoefficients& fitted, const Sizes& sizes) {
  return model.base(limits, fitted.values, sizes) * std::exp(saturation(model, fitted, sizes));
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
