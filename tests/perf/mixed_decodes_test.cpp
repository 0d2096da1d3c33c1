// Decodes of unequal length: parts dealt out to multiprocessors, beside a plain simulation of them.
#include "perf/mixed_decodes.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace lockstep {
namespace {

constexpr HeadShape kOneHead{.heads = 8, .kv_heads = 1, .head_size = 128};

SplitDecodes two_processors() {
  return {.multiprocessors = 2, .block_gb_s = 1, .block_fp8_gb_s = 1, .memory_gb_s = 2};
}

TEST(MixedDecodes, EqualLengthsAreNotStretched) {
  MixedDecodes mixed({132, 60, 25, 4400});
  for (const std::int64_t context : {1, 100, 5000}) {
    const std::vector<std::int64_t> contexts(48, context);
    EXPECT_DOUBLE_EQ(mixed.stretch(contexts, kOneHead), 1);
    EXPECT_EQ(mixed.even_length(contexts, kOneHead), context);
  }
}

// Four blocks of 128 keys for two multiprocessors: no part is longer than three. One block waits
// for three; two and two would not wait.
TEST(MixedDecodes, TheLongestPartIsWaitedFor) {
  MixedDecodes mixed(two_processors());
  EXPECT_NEAR(mixed.stretch(std::vector<std::int64_t>{384, 128}, kOneHead), 1.5, 1e-6);
}

// Alone, the last part reads as fast as it can: here as fast as both together.
TEST(MixedDecodes, WhoIsLeftAloneHasTheMemory) {
  SplitDecodes rates = two_processors();
  rates.block_gb_s = 2;
  MixedDecodes mixed(rates);
  EXPECT_NEAR(mixed.stretch(std::vector<std::int64_t>{384, 128}, kOneHead), 1, 1e-6);
  HeadShape small = kOneHead;
  small.fp8_cache = true;  // whose blocks read no faster alone
  EXPECT_NEAR(mixed.stretch(std::vector<std::int64_t>{384, 128}, small), 1.5, 1e-6);
}

TEST(MixedDecodes, AWindowEvensThemOut) {
  MixedDecodes mixed(two_processors());
  HeadShape window = kOneHead;
  window.window = 128;
  EXPECT_DOUBLE_EQ(mixed.stretch(std::vector<std::int64_t>{384, 128}, window), 1);
}

TEST(MixedDecodes, AreLookedAtAnewWhenTheyChange) {
  MixedDecodes mixed(two_processors());
  EXPECT_EQ(mixed.even_length(std::vector<std::int64_t>{384, 128}, kOneHead), 384);
  const std::vector<std::int64_t> grown = {394, 138};
  EXPECT_EQ(mixed.even_length(grown, kOneHead), 399) << "1.5 still";
  EXPECT_NEAR(mixed.stretch(grown, kOneHead), 4.0 / 3, 1e-6) << "four blocks and two";
  EXPECT_EQ(mixed.even_length(std::vector<std::int64_t>{384, 384}, kOneHead), 384);
  EXPECT_EQ(mixed.even_length(std::vector<std::int64_t>{384, 384, 384}, kOneHead), 384);
}

/// Parts in order, each to the first multiprocessor that is free; all that run read at one rate.
double plainly(std::vector<double> parts, const SplitDecodes& rates, double block_rate) {
  std::vector<double> running;
  double time = 0;
  std::size_t next = 0;
  while (next < parts.size() || !running.empty()) {
    while (next < parts.size() && std::ssize(running) < rates.multiprocessors) {
      running.push_back(parts[next++]);
    }
    const double rate =
        std::min(block_rate, rates.memory_gb_s / static_cast<double>(running.size()));
    const double least = *std::ranges::min_element(running);
    time += least / rate;
    for (double& left : running) {
      left -= least;
    }
    std::erase_if(running, [](double left) { return left < 1e-3; });
  }
  return time;
}

double plainly(const std::vector<std::int64_t>& contexts, const HeadShape& heads,
               const SplitDecodes& rates) {
  std::int64_t blocks = 0;
  for (const std::int64_t context : contexts) {
    blocks += (context + 127) / 128;
  }
  const auto longest =
      static_cast<std::int64_t>(std::ceil(1.1 * static_cast<double>(blocks * heads.kv_heads) /
                                          static_cast<double>(rates.multiprocessors)));
  const double bytes = 128.0 * 2 * static_cast<double>(heads.head_size) * (heads.fp8_cache ? 1 : 2);
  std::vector<double> parts;
  for (const std::int64_t context : contexts) {
    const std::int64_t own = (context + 127) / 128;
    const std::int64_t count = std::min<std::int64_t>((own + longest - 1) / longest, 32);
    const std::int64_t each = (own + count - 1) / count;
    for (std::int64_t head = 0; head < heads.kv_heads; ++head) {
      for (std::int64_t left = own; left > 0; left -= each) {
        parts.push_back(static_cast<double>(std::min(left, each)) * bytes);
      }
    }
  }
  return plainly(parts, rates, heads.fp8_cache ? rates.block_fp8_gb_s : rates.block_gb_s);
}

RC_GTEST_PROP(MixedDecodes, AreAsAPlainSimulationSays, ()) {
  const SplitDecodes rates{*rc::gen::inRange<std::int64_t>(1, 140), 60, 25,
                           static_cast<double>(*rc::gen::inRange(100, 5000))};
  const HeadShape heads{.heads = 64,
                        .kv_heads = *rc::gen::inRange<std::int64_t>(1, 9),
                        .head_size = *rc::gen::element<std::int64_t>(64, 128),
                        .fp8_cache = *rc::gen::arbitrary<bool>()};
  const auto contexts = *rc::gen::nonEmpty(
      rc::gen::container<std::vector<std::int64_t>>(rc::gen::inRange<std::int64_t>(1, 20'000)));
  const auto sum = std::accumulate(contexts.begin(), contexts.end(), std::int64_t{0});
  const std::vector<std::int64_t> equal(
      contexts.size(),
      std::llround(static_cast<double>(sum) / static_cast<double>(contexts.size())));
  const double expected =
      std::max(1.0, plainly(contexts, heads, rates) / plainly(equal, heads, rates));
  MixedDecodes mixed(rates);
  const double stretch = mixed.stretch(contexts, heads);
  RC_ASSERT(std::abs(stretch - expected) < 1e-3 * expected);  // times are whole nanoseconds
  RC_ASSERT(mixed.stretch(contexts, heads) == stretch);
}

}  // namespace
}  // namespace lockstep
