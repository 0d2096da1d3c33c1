#include "workload/lengths.hpp"

#include <algorithm>
#include <cmath>

#include "base/numeric.hpp"
#include "workload/variates.hpp"

namespace lockstep {
namespace {

std::int64_t draw(const FixedLength& length, MersenneTwister&) {
  return length.tokens;
}

std::int64_t draw(const UniformLength& length, MersenneTwister& stream) {
  const auto choices = static_cast<std::uint64_t>(length.most - length.least) + 1;
  return length.least + static_cast<std::int64_t>(stream.below(choices));
}

std::int64_t draw(const LogNormalLength& length, MersenneTwister& stream) {
  constexpr int kDraws = 1000;
  double tokens = 0.0;
  for (int i = 0; i < kDraws; ++i) {
    tokens = std::nearbyint(std::exp(length.mu + length.sigma * standard_normal(stream)));
    if (tokens >= static_cast<double>(length.least) && tokens <= static_cast<double>(length.most)) {
      return truncate(tokens);
    }
  }
  return tokens < static_cast<double>(length.least) ? length.least : length.most;
}

std::int64_t draw(const QuantileLength& length, MersenneTwister& stream) {
  const double u = stream.uniform();
  const auto above = std::upper_bound(
      length.points.begin(), length.points.end(), u,
      [](double value, const QuantileLength::Point& point) { return value < point.probability; });
  if (above == length.points.end()) {
    return round_half_even(length.points.back().tokens);
  }
  const auto below = std::prev(above);
  const double share = (u - below->probability) / (above->probability - below->probability);
  return round_half_even(below->tokens + share * (above->tokens - below->tokens));
}

}  // namespace

std::int64_t draw_length(const LengthDistribution& lengths, MersenneTwister& stream) {
  return std::visit([&stream](const auto& length) { return draw(length, stream); }, lengths);
}

}  // namespace lockstep
