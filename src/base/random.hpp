// Deterministic random streams. Every consumer owns its stream; none is shared.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace lockstep {

/// MT19937 with both of its published seedings.
class MersenneTwister {
public:
  /// Plain seeding (as std::mt19937(seed)).
  [[nodiscard]] static MersenneTwister from_seed(std::uint32_t seed);
  /// Array seeding with the one-word key [seed] (as random.Random(seed) in Python).
  [[nodiscard]] static MersenneTwister from_key(std::uint32_t seed);

  std::uint32_t next();
  /// Uniform in [0, 1) with 53 bits, from two outputs.
  double uniform();
  /// -ln(1 - U) * scale.
  double exponential(double scale);
  /// Uniform in [0, n): top bits of an output, drawn again while >= n. n >= 1.
  std::uint64_t below(std::uint64_t n);
  /// k distinct values of [0, n) in drawing order, as Python's random.sample.
  std::vector<std::int64_t> sample(std::int64_t n, std::int64_t k);

private:
  void seed_plain(std::uint32_t seed);
  void refill();

  std::array<std::uint32_t, 624> state_{};
  std::size_t index_ = 624;
};

}  // namespace lockstep
