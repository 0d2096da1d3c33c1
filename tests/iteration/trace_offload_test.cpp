// Attention on memory channels, and two sub-batches in turn.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "iteration/trace_fixtures.hpp"
#include "iteration/trace_pim.hpp"
#include "iteration/trace_shape.hpp"

namespace lockstep {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::small_model;
using ::testing::StartsWith;
using testing::TraceWorld;

TraceWorld offloading_world(std::int64_t channels) {
  TraceWorld world(small_model());
  world.instance.enable_attn_offloading = true;
  PimDevice device;
  device.spec = "DDR4_8GB_3200_pim";
  device.channels = channels;
  world.cluster.nodes[0].pim = device;
  return world;
}

using Lengths = std::vector<std::vector<std::int64_t>>;

Lengths assign(TraceWorld& world, const std::vector<std::pair<std::int64_t, std::int64_t>>& shares,
               std::int64_t channels, std::int64_t split) {
  PimSchedule schedule;
  const Batch batch = world.batch(shares);
  schedule.assign(batch.entries, channels, split);
  Lengths lengths;
  for (std::int64_t channel = 0; channel < channels; ++channel) {
    lengths.push_back(schedule.lengths(channel));
  }
  return lengths;
}

TEST(PimSchedule, LongestPromptFirstToTheLightestChannels) {
  TraceWorld world(small_model());
  EXPECT_EQ(assign(world, {{1, 100}, {1, 50}, {1, 800}, {30, 0}}, 4, 2),
            (Lengths{{800}, {800}, {100, 50}, {100, 50}}));
  EXPECT_EQ(assign(world, {{1, 7}, {1, 7}, {1, 7}}, 3, 3),
            (Lengths{{7, 7, 7}, {7, 7, 7}, {7, 7, 7}}));
  Lengths wide(12, {100, 100, 50, 50});
  std::fill(wide.begin(), wide.begin() + 8, std::vector<std::int64_t>{800});
  EXPECT_EQ(assign(world, {{1, 100}, {1, 50}, {1, 800}}, 12, 8), wide);
}

TEST(Offloading, DecodesRunOnChannelsAndPrefillOnTheNpu) {
  TraceWorld world = offloading_world(3);
  const auto lines = world.lines(world.batch({{4, 0}, {1, 100}, {1, 50}}));
  ASSERT_EQ(lines.size(), 58U);
  // ((333.2538 * (4/2)/4) * 100 + 30675.2739 * (4*16)/4096) / 2 = 8570.9...
  EXPECT_THAT(
      std::vector<std::string>(lines.begin() + 7, lines.begin() + 16),
      ElementsAre("PIM 0", "attention_5 8570 REMOTE:0.0 128 LOCAL 0 REMOTE:0.0 64 NONE 0 NONE",
                  "PIM 1", "attention_7 8570 REMOTE:0.1 128 LOCAL 0 REMOTE:0.1 64 NONE 0 NONE",
                  "PIM 2", "attention_9 4405 REMOTE:0.2 128 LOCAL 0 REMOTE:0.2 64 NONE 0 NONE",
                  "attention_10 4405 REMOTE:0.2 128 LOCAL 0 REMOTE:0.2 64 NONE 0 NONE", "PIM END",
                  "attention_12 1004 LOCAL 768 LOCAL 0 LOCAL 768 NONE 0 NONE"));
}

TEST(Offloading, NoNpuRowWithoutPrefill) {
  TraceWorld world = offloading_world(2);
  const auto lines = world.lines(world.batch({{1, 100}}));
  EXPECT_EQ(lines[12 - 1], "PIM END");
  EXPECT_THAT(lines[12], StartsWith("o_proj_9"));
  const auto dummy = world.lines(make_dummy_batch(0, 0, Nanos{}));
  EXPECT_THAT(dummy, Not(Contains(StartsWith("attention"))));
  EXPECT_THAT(dummy, Contains("PIM 1"));
}

TEST(SubBatches, AreBalancedByTokensAndOrderedByArrival) {
  TraceWorld world(small_model());
  const Batch batch = world.batch({{1, 9}, {30, 0}, {1, 7}, {20, 0}});
  std::array<std::vector<BatchEntry>, 2> halves;
  split_batch(batch.entries, halves);
  const auto ids = [](const std::vector<BatchEntry>& half) {
    std::vector<std::int64_t> result;
    for (const BatchEntry& entry : half) {
      result.push_back(entry.request->id);
    }
    return result;
  };
  EXPECT_THAT(ids(halves[0]), ElementsAre(2));
  EXPECT_THAT(ids(halves[1]), ElementsAre(1, 3, 4));
}

TEST(SubBatches, InterleaveAroundTheAttention) {
  TraceWorld world = offloading_world(3);
  world.instance.enable_sub_batch_interleaving = true;
  Batch batch = world.batch({{4, 0}, {1, 100}, {1, 50}});
  batch.load = Bytes{77};
  const IterationTrace trace = world.build(batch);
  ASSERT_EQ(trace.segments.size(), 3U);
  EXPECT_EQ(trace.segments[1].repeat, 2);
  EXPECT_EQ(trace.num_rows(), 1 + 2 * (1 + 3) + 3 * (13 + 16));
  const auto lines = TraceWorld::squeeze(to_text(trace));
  EXPECT_THAT(lines[3], StartsWith("kv_load_0"));
  EXPECT_EQ(lines[4], "embedding_1 4 REMOTE:0 16 LOCAL 128000 LOCAL 512 NONE 0 BATCH_1");
  EXPECT_EQ(lines[12], "attention_9 1004 LOCAL 512 LOCAL 0 LOCAL 512 NONE 0 BATCH_1");
  EXPECT_EQ(lines[13], "embedding_10 2 REMOTE:0 8 LOCAL 128000 LOCAL 256 NONE 0 BATCH_2");
  EXPECT_THAT(lines[25], AllOf(StartsWith("o_proj_22"), EndsWith("BATCH_1")));
  EXPECT_THAT(lines[30], AllOf(StartsWith("layernorm_27"), EndsWith("BATCH_1")));
  EXPECT_THAT(lines[38], AllOf(StartsWith("o_proj_35"), EndsWith("BATCH_2")));
  EXPECT_THAT(lines[54], AllOf(StartsWith("o_proj_51"), EndsWith("BATCH_1")));
  EXPECT_EQ(lines[90], "sampler_87 10001 LOCAL 8000 LOCAL 0 REMOTE:0 16 NONE 0 BATCH_1");
  EXPECT_THAT(lines[91], AllOf(StartsWith("o_proj_88"), EndsWith("BATCH_2")));
  EXPECT_EQ(lines[98], "sampler_95 10002 LOCAL 4000 LOCAL 0 REMOTE:0 8 NONE 0 BATCH_2");
}

TEST(SubBatches, OneRequestOrADummyIsNotSplit) {
  TraceWorld world = offloading_world(3);
  world.instance.enable_sub_batch_interleaving = true;
  EXPECT_THAT(world.lines(world.batch({{4, 0}})), Each(Not(HasSubstr("BATCH_"))));
  EXPECT_THAT(world.lines(make_dummy_batch(0, 0, Nanos{})), Each(Not(HasSubstr("BATCH_"))));
}

TEST(SubBatches, AGroupCrossesFromOnePlacementToTheNext) {
  TraceWorld world = offloading_world(1);
  world.instance.enable_sub_batch_interleaving = true;
  world.instance.placement.blocks.resize(3);
  world.instance.placement.blocks[0].weights = {MemoryTier::remote, 0};
  world.instance.placement.blocks[1].weights = {MemoryTier::remote, 0};
  const IterationTrace trace = world.build(world.batch({{4, 0}, {3, 0}}));
  ASSERT_EQ(trace.segments.size(), 4U);
  const auto first_o_proj = [&](std::size_t segment) { return trace.segments[segment].rows[0]; };
  const auto first_norm_of_next = [&](std::size_t segment) {
    return trace.segments[segment].rows[5];
  };
  EXPECT_EQ(first_o_proj(1).weight_loc.tier, MemoryTier::remote);
  EXPECT_EQ(first_norm_of_next(1).weight_loc.tier, MemoryTier::remote);
  EXPECT_EQ(first_o_proj(2).weight_loc.tier, MemoryTier::remote);
  EXPECT_EQ(first_norm_of_next(2).weight_loc.tier, MemoryTier::local);
  EXPECT_EQ(first_o_proj(3).weight_loc.tier, MemoryTier::local);
}

}  // namespace
}  // namespace lockstep
