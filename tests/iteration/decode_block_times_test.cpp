#include "iteration/decode_block_times.hpp"

#include <gtest/gtest.h>

#include "iteration/trace_fixtures.hpp"

namespace lockstep {
namespace {

using testing::small_model;
using testing::TraceWorld;

constexpr HeadShape kHeads{.heads = 8, .kv_heads = 2, .head_size = 1};

/// Nearly full at four sequences of two key heads. A block reads a byte a nanosecond.
constexpr DecodeBlocks kBlocks{
    .multiprocessors = 4, .block_gb_s = 1, .memory_gb_s = 1000, .start_us = 0, .launch_us = 0};

std::optional<Nanos> time_of(TraceWorld& world,
                             const std::vector<std::pair<std::int64_t, std::int64_t>>& shares,
                             const HeadShape& heads = kHeads) {
  const Batch batch = world.batch(shares);
  return DecodeBlockTimes(kBlocks).of(shape_of(batch, false), heads);
}

TEST(DecodeBlockTimes, AStepWaitsForItsLongestContext) {
  TraceWorld world(small_model());
  // Two heads of four blocks, each of 100 tokens of 4 bytes.
  EXPECT_EQ(time_of(world, {{1, 99}, {1, 99}, {1, 99}, {1, 99}}), Nanos{2 * 400});
  // The second head's 370 tokens begin after ten of the first head's.
  EXPECT_EQ(time_of(world, {{1, 9}, {1, 9}, {1, 9}, {1, 369}}), Nanos{(20 + 370) * 4});
}

TEST(DecodeBlockTimes, KnowsOnlyTheKernelThatWasMeasured) {
  TraceWorld world(small_model());
  EXPECT_FALSE(time_of(world, {{1, 99}, {1, 99}})) << "contexts are split";
  EXPECT_FALSE(time_of(world, {{8, 0}, {1, 99}, {1, 99}, {1, 99}})) << "a prompt";
  HeadShape heads = kHeads;
  heads.window = 64;
  EXPECT_FALSE(time_of(world, {{1, 99}, {1, 99}, {1, 99}, {1, 99}}, heads));
  heads = kHeads;
  heads.fp8_cache = true;
  EXPECT_FALSE(time_of(world, {{1, 99}, {1, 99}, {1, 99}, {1, 99}}, heads));
  heads = kHeads;
  heads.kv_heads = heads.heads;
  EXPECT_FALSE(time_of(world, {{1, 99}, {1, 99}, {1, 99}, {1, 99}}, heads));
}

}  // namespace
}  // namespace lockstep
