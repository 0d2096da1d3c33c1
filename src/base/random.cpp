#include "base/random.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <utility>

namespace lockstep {
namespace {
constexpr std::size_t kN = 624;
constexpr std::size_t kM = 397;
constexpr std::uint32_t kUpper = 0x80000000U;
constexpr std::uint32_t kLower = 0x7fffffffU;
constexpr std::uint32_t kMatrix = 0x9908b0dfU;
}  // namespace

void MersenneTwister::seed_plain(std::uint32_t seed) {
  state_[0] = seed;
  for (std::size_t i = 1; i < kN; ++i) {
    const std::uint32_t previous = state_[i - 1];
    state_[i] = 1812433253U * (previous ^ (previous >> 30U)) + static_cast<std::uint32_t>(i);
  }
  index_ = kN;
}

MersenneTwister MersenneTwister::from_seed(std::uint32_t seed) {
  MersenneTwister generator;
  generator.seed_plain(seed);
  return generator;
}

MersenneTwister MersenneTwister::from_key(std::uint32_t seed) {
  MersenneTwister generator;
  generator.seed_plain(19650218U);
  auto& mt = generator.state_;
  std::size_t i = 1;
  for (std::size_t step = 0; step < kN; ++step) {  // the key has one word, so its index stays 0
    mt[i] = (mt[i] ^ ((mt[i - 1] ^ (mt[i - 1] >> 30U)) * 1664525U)) + seed;
    if (++i >= kN) {
      mt[0] = mt[kN - 1];
      i = 1;
    }
  }
  for (std::size_t step = 0; step < kN - 1; ++step) {
    mt[i] =
        (mt[i] ^ ((mt[i - 1] ^ (mt[i - 1] >> 30U)) * 1566083941U)) - static_cast<std::uint32_t>(i);
    if (++i >= kN) {
      mt[0] = mt[kN - 1];
      i = 1;
    }
  }
  mt[0] = kUpper;
  generator.index_ = kN;
  return generator;
}

void MersenneTwister::refill() {
  for (std::size_t i = 0; i < kN; ++i) {
    const std::uint32_t y = (state_[i] & kUpper) | (state_[(i + 1) % kN] & kLower);
    state_[i] = state_[(i + kM) % kN] ^ (y >> 1U) ^ ((y & 1U) != 0U ? kMatrix : 0U);
  }
  index_ = 0;
}

std::uint32_t MersenneTwister::next() {
  if (index_ >= kN) {
    refill();
  }
  std::uint32_t y = state_[index_++];
  y ^= y >> 11U;
  y ^= (y << 7U) & 0x9d2c5680U;
  y ^= (y << 15U) & 0xefc60000U;
  y ^= y >> 18U;
  return y;
}

double MersenneTwister::uniform() {
  const double high = next() >> 5U;
  const double low = next() >> 6U;
  return (high * 67108864.0 + low) / 9007199254740992.0;
}

double MersenneTwister::exponential(double scale) {
  return -std::log(1.0 - uniform()) * scale;
}

std::uint64_t MersenneTwister::below(std::uint64_t n) {
  const auto bits = static_cast<unsigned>(std::bit_width(n));
  std::uint64_t value = 0;
  do {
    value = next() >> (32U - bits);
  } while (value >= n);
  return value;
}

std::vector<std::int64_t> MersenneTwister::sample(std::int64_t n, std::int64_t k) {
  std::vector<std::int64_t> picks;
  picks.reserve(static_cast<std::size_t>(k));
  std::int64_t set_size = 21;
  if (k > 5) {
    std::int64_t power = 1;  // 4 ^ ceil(log4(3k))
    while (power < 3 * k) {
      power *= 4;
    }
    set_size += power;
  }
  if (n <= set_size) {
    std::vector<std::int64_t> pool(static_cast<std::size_t>(n));
    std::iota(pool.begin(), pool.end(), 0);
    for (std::int64_t i = 0; i < k; ++i) {
      const auto j = static_cast<std::size_t>(below(static_cast<std::uint64_t>(n - i)));
      picks.push_back(pool[j]);
      pool[j] = pool[static_cast<std::size_t>(n - i - 1)];
    }
    return picks;
  }
  for (std::int64_t i = 0; i < k; ++i) {
    std::int64_t pick = 0;
    do {
      pick = static_cast<std::int64_t>(below(static_cast<std::uint64_t>(n)));
    } while (std::find(picks.begin(), picks.end(), pick) != picks.end());
    picks.push_back(pick);
  }
  return picks;
}

}  // namespace lockstep
