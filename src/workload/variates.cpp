#include "workload/variates.hpp"

#include <cmath>
#include <numbers>

namespace lockstep {

double standard_normal(MersenneTwister& stream) {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - stream.uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * stream.uniform());
}

double gamma_variate(MersenneTwister& stream, double shape) {
  if (shape < 1.0) {  // Gamma(a) = Gamma(a + 1) U^(1/a)
    const double larger = gamma_variate(stream, shape + 1.0);
    return larger * std::pow(1.0 - stream.uniform(), 1.0 / shape);
  }
  const double d = shape - 1.0 / 3.0;
  const double c = 1.0 / std::sqrt(9.0 * d);
  while (true) {
    const double x = standard_normal(stream);
    const double root = 1.0 + c * x;
    const double u = 1.0 - stream.uniform();  // in (0, 1]
    if (root <= 0.0) {
      continue;
    }
    const double v = root * root * root;
    if (std::log(u) < 0.5 * x * x + d - d * v + d * std::log(v)) {
      return d * v;
    }
  }
}

double weibull_variate(MersenneTwister& stream, double shape) {
  return std::pow(stream.exponential(1.0), 1.0 / shape) / std::tgamma(1.0 + 1.0 / shape);
}

}  // namespace lockstep
