// Random variates, each from a fixed number of draws unless said otherwise, so that a stream's
// position after n variates is known. U stands for MersenneTwister::uniform().
#pragma once

#include "base/random.hpp"

namespace lockstep {

/// sqrt(-2 ln(1 - U1)) cos(2 pi U2): two uniforms, no second value kept.
[[nodiscard]] double standard_normal(MersenneTwister& stream);
/// Gamma with mean `shape` and scale 1 (Marsaglia and Tsang's rejection: a varying number of
/// draws). shape > 0.
[[nodiscard]] double gamma_variate(MersenneTwister& stream, double shape);
/// Weibull with mean 1: (-ln(1 - U))^(1/shape) / Gamma(1 + 1/shape). shape > 0.
[[nodiscard]] double weibull_variate(MersenneTwister& stream, double shape);

}  // namespace lockstep
