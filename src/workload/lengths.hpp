// How many tokens a prompt or an answer has: the distributions that the generators draw from.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "base/random.hpp"

namespace lockstep {

struct FixedLength {
  std::int64_t tokens = 128;  ///< no draw
};

/// Every length of [least, most] alike.
struct UniformLength {
  std::int64_t least = 1;
  std::int64_t most = 1;
};

/// exp(mu + sigma N), rounded half-even, drawn again while outside [least, most] (after 1000
/// draws: clamped).
struct LogNormalLength {
  double mu = 0.0;     ///< mean of the logarithm
  double sigma = 1.0;  ///< standard deviation of the logarithm
  std::int64_t least = 1;
  std::int64_t most = std::int64_t{1} << 31;
};

/// Inverse of a piecewise linear distribution function, rounded half-even: one uniform each.
struct QuantileLength {
  struct Point {
    double probability = 0.0;  ///< strictly rising from 0 to 1
    double tokens = 0.0;       ///< not falling
  };
  std::vector<Point> points;
};

using LengthDistribution =
    std::variant<FixedLength, UniformLength, LogNormalLength, QuantileLength>;

[[nodiscard]] std::int64_t draw_length(const LengthDistribution& lengths, MersenneTwister& stream);

/// "128", "uniform:LEAST:MOST", "lognormal:MU:SIGMA:LEAST:MOST" or "sharegpt-llama-input",
/// "sharegpt-llama-output", "sharegpt-qwen-input", "sharegpt-qwen-output" (quantiles of ShareGPT
/// conversations with at least 256 prompt and 512 answer tokens, by tokeniser). Throws UserError
/// naming `flag`.
[[nodiscard]] LengthDistribution parse_lengths(std::string_view text, std::string_view flag);

}  // namespace lockstep
