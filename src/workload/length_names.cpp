#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/numeric.hpp"
#include "workload/lengths.hpp"

namespace lockstep {
namespace {

constexpr double kMostTokens = 2147483647.0;

struct Measured {
  std::string_view name;
  std::array<double, 11> tokens;  ///< at kProbabilities
};

constexpr std::array<double, 11> kProbabilities = {0.0,  0.01, 0.05, 0.10, 0.25, 0.50,
                                                   0.75, 0.90, 0.95, 0.99, 1.0};
constexpr std::array<Measured, 4> kMeasured = {{
    {"sharegpt-llama-input",
     {262, 264, 307.9, 363, 482.8, 731.5, 1109.5, 1460.1, 1748.9, 2765.2, 3998}},
    {"sharegpt-llama-output", {512, 516, 524, 530.9, 561.8, 632, 767, 770, 773, 784.1, 1021}},
    {"sharegpt-qwen-input",
     {257, 261.9, 289, 355.9, 472.2, 728.5, 1125, 1451.5, 1813.9, 2768.2, 4570}},
    {"sharegpt-qwen-output", {512, 513, 526, 533, 565.8, 638, 769, 785.1, 814.4, 1001.1, 1224}},
}};

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto colon = text.find(':');
    parts.push_back(text.substr(0, colon));
    if (colon == std::string_view::npos) {
      return parts;
    }
    text.remove_prefix(colon + 1);
  }
}

/// Everything behind the name as numbers; empty when one of them is none.
std::vector<double> numbers_of(const std::vector<std::string_view>& parts, std::size_t first) {
  std::vector<double> numbers;
  for (std::size_t i = first; i < parts.size(); ++i) {
    double number = 0.0;
    const char* end = parts[i].data() + parts[i].size();
    const auto [stop, error] = std::from_chars(parts[i].data(), end, number);
    if (error != std::errc{} || stop != end || !std::isfinite(number)) {
      return {};
    }
    numbers.push_back(number);
  }
  return numbers;
}

bool is_length(double number) {
  return number >= 0.0 && number <= kMostTokens && std::floor(number) == number;
}

bool is_range(double least, double most) {
  return is_length(least) && is_length(most) && least <= most;
}

}  // namespace

LengthDistribution parse_lengths(std::string_view text, std::string_view flag) {
  const auto parts = split(text);
  if (const auto n = numbers_of(parts, 0); n.size() == 1 && is_length(n[0])) {
    return FixedLength{truncate(n[0])};
  }
  const auto n = numbers_of(parts, 1);
  if (parts[0] == "uniform" && n.size() == 2 && is_range(n[0], n[1])) {
    return UniformLength{truncate(n[0]), truncate(n[1])};
  }
  if (parts[0] == "lognormal" && n.size() == 4 && n[1] >= 0.0 && is_range(n[2], n[3])) {
    return LogNormalLength{n[0], n[1], truncate(n[2]), truncate(n[3])};
  }
  for (const Measured& measured : kMeasured) {
    if (text == measured.name) {
      QuantileLength result;
      for (std::size_t i = 0; i < kProbabilities.size(); ++i) {
        result.points.push_back({kProbabilities[i], measured.tokens[i]});
      }
      return result;
    }
  }
  throw UserError(fmt::format("\"{}\" names no distribution of lengths", text),
                  Where{{}, 0, std::string(flag)},
                  "write a number of tokens, uniform:LEAST:MOST, lognormal:MU:SIGMA:LEAST:MOST or "
                  "sharegpt-<llama|qwen>-<input|output>");
}

}  // namespace lockstep
