#include "iteration/unsplit_decodes.hpp"

#include <gtest/gtest.h>

#include "iteration/trace_fixtures.hpp"
#include "reference_data.hpp"

namespace lockstep {
namespace {

using testing::small_model;
using testing::TraceWorld;

/// A microsecond for ten tokens of the mean context, whatever the number of decodes.
class ByMean final : public testing::FormulaTimes {
public:
  [[nodiscard]] KernelTime attention(const AttentionShape& s) const override {
    return {Nanos{100 * s.kv_decode_mean}, TimeSource::exact};
  }
};

constexpr RankCache kCache{.kv_heads = 2, .token_bytes = 1};

/// Four multiprocessors are nearly full at 0.8 x 8 blocks, so at four sequences of two heads.
DecodeBlocks four_blocks(double block_gb_s) {
  return {.multiprocessors = 4,
          .block_gb_s = block_gb_s,
          .memory_gb_s = 1000,
          .start_us = 0,
          .launch_us = 0};
}

KernelTime time_of(TraceWorld& world,
                   const std::vector<std::pair<std::int64_t, std::int64_t>>& shares,
                   double block_gb_s) {
  const Batch batch = world.batch(shares);
  return UnsplitDecodes(four_blocks(block_gb_s), kCache)
      .attention(ByMean(), shape_of(batch, false));
}

TEST(UnsplitDecodes, EqualContextsTakeWhatTheTableSays) {
  TraceWorld world(small_model());
  for (const double rate : {0.001, 0.01, 1.0}) {
    EXPECT_EQ(time_of(world, {{1, 99}, {1, 99}, {1, 99}, {1, 99}}, rate).time, Nanos{9900});
  }
}

TEST(UnsplitDecodes, TheLongestContextIsWaitedForWithinTheTablesBounds) {
  TraceWorld world(small_model());
  const std::vector<std::pair<std::int64_t, std::int64_t>> mixed = {
      {1, 9}, {1, 9}, {1, 9}, {1, 369}};  // mean 99
  // At 0.03 bytes a ns, the second head's 370 bytes begin after ten of the first head's.
  EXPECT_EQ(time_of(world, mixed, 0.03).time.count(), (20 + 370) * 100 / 3);
  EXPECT_EQ(time_of(world, mixed, 1).time, Nanos{9900}) << "not less than equal ones";
  EXPECT_EQ(time_of(world, mixed, 0.001).time, Nanos{36900}) << "not more than all as long";
  EXPECT_NE(time_of(world, mixed, 0.03).source, TimeSource::exact);
}

TEST(UnsplitDecodes, PromptsAndFewDecodesAreLeftToTheTable) {
  TraceWorld world(small_model());
  const UnsplitDecodes decodes(four_blocks(1), kCache);
  const auto unsplit = [&](const Batch& batch) { return decodes.applies(shape_of(batch, false)); };
  EXPECT_TRUE(unsplit(world.batch({{1, 9}, {1, 9}, {1, 9}, {1, 9}})));
  EXPECT_FALSE(unsplit(world.batch({{1, 9}, {1, 9}, {1, 9}})));
  EXPECT_FALSE(unsplit(world.batch({{7, 0}, {1, 9}, {1, 9}, {1, 9}, {1, 9}})));
  EXPECT_FALSE(decodes.applies(shape_of(world.batch({{1, 9}, {1, 9}, {1, 9}, {1, 9}}), true)))
      << "attention in memory";
  Batch padded = world.batch({{1, 9}, {1, 9}, {1, 9}});
  pad_batch(padded, 4);
  EXPECT_TRUE(unsplit(padded)) << "the kernel counts the rows of its graph";
  EXPECT_FALSE(unsplit(make_dummy_batch(0, 0, Nanos{0})));
}

TEST(UnsplitDecodes, OnlyTheMeasuredKernelHasRates) {
  GpuCatalog gpus({testing::source_dir() / "hardware"});
  ModelConfig model = small_model();
  Instance instance;
  instance.hardware = "RTXPRO6000";
  instance.terms.unsplit_decodes = true;
  const auto known = [&] {
    instance.model = std::make_shared<const ModelConfig>(model);
    return decode_blocks_of(instance, gpus).has_value();
  };
  EXPECT_TRUE(known());
  instance.kv_cache_dtype = KvCacheType::fp8;
  EXPECT_FALSE(known());
  instance.kv_cache_dtype = KvCacheType::automatic;
  model.num_key_value_heads = model.num_attention_heads;
  EXPECT_FALSE(known());
  model.num_key_value_heads = 2;
  instance.hardware = "H100";
  EXPECT_FALSE(known());
  instance.hardware = "RTXPRO6000";
  instance.terms.unsplit_decodes = false;
  EXPECT_FALSE(known());
}

TEST(UnsplitDecodes, TheBuilderTakesThem) {
  TraceWorld world(small_model());
  const Batch batch = world.batch({{1, 9}, {1, 9}, {1, 9}, {1, 369}});
  const auto attention = [&] {
    const IterationTrace trace = world.build(batch);
    for (const TraceRow& row : trace.segments.at(1).rows) {
      if (row.name == "attention") {
        return row.comp_time;
      }
    }
    return Nanos{0};
  };
  const Nanos looked_up = attention();
  world.settings.decode_blocks = four_blocks(10);  // 64 bytes a token and head
  EXPECT_GT(attention(), looked_up);
}

}  // namespace
}  // namespace lockstep
