#include "iteration/trace_builder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "iteration/trace_fixtures.hpp"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::small_model;
using testing::small_moe_model;
using ::testing::StartsWith;
using testing::TraceWorld;

std::vector<std::string> part(const std::vector<std::string>& lines, std::size_t first,
                              std::size_t count) {
  const auto begin = lines.begin() + static_cast<std::ptrdiff_t>(first);
  return {begin, begin + static_cast<std::ptrdiff_t>(count)};
}

constexpr std::size_t kRow0 = 3;  ///< line of row 0

TEST(TraceBuilder, MixedDenseBatch) {
  TraceWorld world(small_model());
  const auto lines = world.lines(world.batch({{5, 3}, {1, 7}, {1, 10}}));
  ASSERT_EQ(lines.size(), kRow0 + 1 + 3 * 9 + 3);
  EXPECT_EQ(lines[0], "COLOCATED model_parallel_NPU_group: 1");
  EXPECT_EQ(lines[1], "31");
  EXPECT_THAT(part(lines, kRow0, 10),
              ElementsAre("embedding_0 7 REMOTE:0 28 LOCAL 128000 LOCAL 896 NONE 0 NONE",
                          "layernorm_1 107 LOCAL 896 LOCAL 128 LOCAL 896 NONE 0 NONE",
                          "qkv_proj_2 407 LOCAL 896 LOCAL 16384 LOCAL 1792 NONE 0 NONE",
                          "rotary_emb_3 607 LOCAL 1344 LOCAL 0 LOCAL 1344 NONE 0 NONE",
                          "attention_4 1036 LOCAL 3328 LOCAL 0 LOCAL 896 NONE 0 NONE",
                          "o_proj_5 807 LOCAL 896 LOCAL 8192 LOCAL 896 NONE 0 NONE",
                          "layernorm_6 107 LOCAL 896 LOCAL 128 LOCAL 896 NONE 0 NONE",
                          "gate_up_proj_7 907 LOCAL 896 LOCAL 32768 LOCAL 3584 NONE 0 NONE",
                          "act_fn_8 1007 LOCAL 3584 LOCAL 0 LOCAL 1792 NONE 0 NONE",
                          "down_proj_9 1107 LOCAL 1792 LOCAL 16384 LOCAL 896 NONE 0 NONE"));
  EXPECT_EQ(lines[kRow0 + 10], "layernorm_10 107 LOCAL 896 LOCAL 128 LOCAL 896 NONE 0 NONE");
  EXPECT_THAT(part(lines, kRow0 + 28, 3),
              ElementsAre("final_layernorm_28 1307 LOCAL 896 LOCAL 128 LOCAL 896 NONE 0 NONE",
                          "lm_head_29 10003 LOCAL 896 LOCAL 128000 LOCAL 14000 NONE 0 NONE",
                          "sampler_30 10003 LOCAL 14000 LOCAL 0 REMOTE:0 28 NONE 0 NONE"));
  const AttentionShape& shape = world.times->asked.back();
  EXPECT_EQ(shape.kv_decode_mean, 8);
  EXPECT_EQ(shape.kv_decode_max, 10);
  EXPECT_EQ(shape.kv_decode_min, 7);
}

TEST(TraceBuilder, BlocksAreOneSegmentAndBuffersAreReused) {
  TraceWorld world(small_model());
  TraceBuilder builder(world.cluster, world.instance, world.times, world.settings);
  IterationTrace trace;
  const Batch batch = world.batch({{5, 3}});
  builder.build(batch, 5, trace, nullptr);
  ASSERT_EQ(trace.segments.size(), 3U);
  EXPECT_EQ(trace.segments[1].repeat, 3);
  const TraceRow* buffer = trace.segments[1].rows.data();
  const std::string first = to_text(trace);
  builder.build(world.batch({{1, 9}, {1, 8}}), 2, trace, nullptr);
  EXPECT_NE(to_text(trace), first);
  builder.build(batch, 5, trace, nullptr);
  EXPECT_EQ(to_text(trace), first);
  EXPECT_EQ(trace.segments[1].rows.data(), buffer);
}

TEST(TraceBuilder, LookupsCountOncePerExpandedRow) {
  TraceWorld world(small_model());
  (void)world.build(world.batch({{5, 3}}));
  EXPECT_EQ(world.lookups.of(TimeSource::exact), 1 + 3 * 8 + 1);
  EXPECT_EQ(world.lookups.of(TimeSource::interpolated), 2);
  EXPECT_EQ(world.lookups.of(TimeSource::extrapolated), 3);
  EXPECT_EQ(world.times->asked.size(), 1U);
}

TEST(TraceBuilder, TensorParallelPrefillInstance) {
  TraceWorld world(small_model());
  world.instance.tp = 2;
  world.instance.tp_mask = DimMask::of({true, false});
  world.instance.pd = PdType::prefill;
  Batch batch = world.batch({{5, 3}});
  batch.pd_kv_send_tokens = 5;
  const auto lines = world.lines(batch);
  EXPECT_THAT(lines[0], StartsWith("PREFILL"));
  EXPECT_EQ(lines[kRow0 + 2], "qkv_proj_2 405 LOCAL 640 LOCAL 8192 LOCAL 640 NONE 320 NONE");
  EXPECT_EQ(lines[kRow0 + 5], "o_proj_5 805 LOCAL 320 LOCAL 4096 LOCAL 640 ALLREDUCE:1,0 640 NONE");
  EXPECT_EQ(lines[kRow0 + 9],
            "down_proj_9 1105 LOCAL 640 LOCAL 8192 LOCAL 640 ALLREDUCE:1,0 640 NONE");
  world.instance.kv_cache_dtype = KvCacheType::fp8;
  EXPECT_THAT(world.lines(batch)[kRow0 + 2], HasSubstr(" 160 NONE"));
  world.instance.pd = PdType::decode;
  EXPECT_THAT(world.lines(batch)[0], StartsWith("DECODE"));
  EXPECT_THAT(world.lines(batch)[kRow0 + 2], HasSubstr("NONE 0 NONE"));
}

TEST(TraceBuilder, PaddedDummyOfAnExpertGroup) {
  TraceWorld world(small_moe_model());
  world.instance.dp_group = 0;
  world.instance.ep_total = 2;
  world.instance.ep_mask = DimMask::of({false, true});
  Batch batch = make_dummy_batch(0, 0, Nanos{});
  pad_batch(batch, 6);
  const auto lines = world.lines(batch);
  ASSERT_EQ(lines.size(), kRow0 + 1 + 3 * 10 + 3);
  // 6 tokens, top 2 of 8 experts on 2 ranks: 6 * 0.75 = 4.5 -> 4 tokens, 6 pairs -> 4 experts.
  EXPECT_THAT(part(lines, kRow0 + 5, 6),
              ElementsAre("attention_5 1011 LOCAL 896 LOCAL 0 LOCAL 768 NONE 0 NONE",
                          "o_proj_6 806 LOCAL 768 LOCAL 8192 LOCAL 768 NONE 0 NONE",
                          "layernorm_7 106 LOCAL 768 LOCAL 128 LOCAL 768 NONE 0 NONE",
                          "EXPERT 0 ALLGATHER:0,1 432",
                          "expert_9 5044 LOCAL 512 LOCAL 50176 LOCAL 512 NONE 0 NONE",
                          "EXPERT END REDUCESCATTER:0,1 768"));
  EXPECT_THAT(lines[kRow0 + 32], StartsWith("lm_head_32 10006"));
}

TEST(TraceBuilder, ExpertsInsideOneInstance) {
  TraceWorld world(small_moe_model());
  world.instance.tp = 2;
  world.instance.ep_total = 2;
  world.instance.local_ep = 2;
  const Batch batch = world.batch({{6, 0}});
  auto lines = world.lines(batch);
  EXPECT_EQ(lines[kRow0 + 8], "EXPERT 0 ALLGATHER 432");
  EXPECT_THAT(lines[kRow0 + 9], StartsWith("expert_9 5044"));
  EXPECT_EQ(lines[kRow0 + 10], "EXPERT 1 NONE 0");
  EXPECT_THAT(lines[kRow0 + 11], StartsWith("expert_11 5044"));
  world.settings.expert_routing = ExpertRoutingPolicy::round_robin;
  lines = world.lines(batch);
  EXPECT_THAT(lines[kRow0 + 9], StartsWith("expert_9 5062"));
  EXPECT_EQ(lines[kRow0 + 10], "EXPERT 1 NONE 0");
  EXPECT_EQ(lines[kRow0 + 11], "EXPERT END REDUCESCATTER 768");
  world.settings.expert_exchange = ExpertExchange::all_to_all;
  lines = world.lines(batch);
  EXPECT_EQ(lines[kRow0 + 8], "EXPERT 0 ALLTOALL 768");
  EXPECT_EQ(lines[kRow0 + 11], "EXPERT END ALLTOALL 768");
  world.instance.ep_total = 1;
  world.instance.local_ep = 1;
  lines = world.lines(batch);
  EXPECT_EQ(lines[kRow0 + 8], "EXPERT 0 NONE 0");
  EXPECT_EQ(lines[kRow0 + 10], "EXPERT END NONE 0");
}

TEST(TraceBuilder, SingleBlockWithoutCopyIsAnExpertModelsQuirk) {
  TraceWorld world(small_moe_model());
  world.instance.enable_block_copy = false;
  const Batch batch = world.batch({{6, 0}});
  EXPECT_EQ(world.build(batch).num_rows(), 1 + 10 + 3);
  world.instance.pp = 2;
  EXPECT_THROW(world.build(batch), UserError);
  world.settings.single_block_without_copy = false;
  EXPECT_EQ(world.build(batch).num_rows(), 1 + 3 * 10 + 3);
  EXPECT_THAT(world.build(batch).stage_boundaries, ElementsAre(21));

  TraceWorld dense(small_model());
  dense.instance.enable_block_copy = false;
  EXPECT_EQ(dense.build(dense.batch({{6, 0}})).num_rows(), 1 + 3 * 9 + 3);
}

TEST(TraceBuilder, RandomExpertsAreDrawnPerGeneratedBlock) {
  TraceWorld world(small_moe_model());
  world.settings.expert_routing = ExpertRoutingPolicy::random;
  world.settings.single_block_without_copy = false;
  const Batch batch = world.batch({{3, 0}});
  const auto expert_times = [&] {
    std::vector<std::int64_t> times;
    for (const TraceSegment& segment : world.build(batch).segments) {
      for (std::int64_t copy = 0; copy < segment.repeat; ++copy) {
        for (const TraceRow& row : segment.rows) {
          if (row.name == "expert") {
            times.push_back(row.comp_time.count() - 5030);
          }
        }
      }
    }
    return times;
  };
  // Samples of 2 of 8 with seed 42: [1,0] [4,1] [3,1]: five distinct minus one shared = 4.
  EXPECT_EQ(expert_times().size(), 3U);
  EXPECT_EQ(expert_times(), std::vector<std::int64_t>(3, 4));
  const auto copied = expert_times();
  world.instance.enable_block_copy = false;
  EXPECT_EQ(expert_times()[0], copied[0]);
  ExpertRouter router(ExpertRoutingPolicy::random, 8, 2);
  for (const std::int64_t experts : expert_times()) {
    EXPECT_EQ(experts, router.route(3, 1).activated_experts[0]);
  }
}

TEST(TraceBuilder, RecallRowsShiftNumbersButNotBoundaries) {
  TraceWorld world(small_model());
  world.instance.pp = 3;
  world.instance.node = 0;
  Batch batch = world.batch({{5, 16}});
  const auto boundaries = world.build(batch).stage_boundaries;
  EXPECT_THAT(boundaries, ElementsAre(10, 19));
  batch.load = Bytes{4096};
  EXPECT_EQ(world.build(batch).stage_boundaries, boundaries);
  world.instance.placement.default_entry.kv_evict_loc = {MemoryTier::cxl, 2};
  const auto lines = world.lines(batch);
  EXPECT_EQ(lines[0], "COLOCATED model_parallel_NPU_group: 3 pp_stage_boundaries: 10,19");
  EXPECT_EQ(lines[1], "32");
  EXPECT_EQ(lines[kRow0], "kv_load_0 0 LOCAL 0 CXL:2 4096 LOCAL 0 NONE 0 NONE");
  EXPECT_THAT(lines[kRow0 + 1], StartsWith("embedding_1"));
}

TEST(TraceBuilder, PlacementDecidesTheWeightColumn) {
  TraceWorld world(small_moe_model());
  Placement& placement = world.instance.placement;
  placement.blocks.resize(3);
  placement.blocks[0].weights = {MemoryTier::remote, 0};
  placement.layers[Layer::moe].weights = {MemoryTier::cxl, 1};
  placement.layers[Layer::lm_head].weights = {MemoryTier::remote, 0};
  const IterationTrace trace = world.build(world.batch({{6, 0}}));
  ASSERT_EQ(trace.segments.size(), 4U);  // block 0, then two equal blocks
  EXPECT_EQ(trace.segments[2].repeat, 2);
  const auto lines = TraceWorld::squeeze(to_text(trace));
  EXPECT_THAT(lines[kRow0], HasSubstr("LOCAL 128000"));
  EXPECT_THAT(lines[kRow0 + 4], HasSubstr(" REMOTE:0 0 LOCAL"));  // rotary_emb has no weights
  EXPECT_THAT(lines[kRow0 + 9], HasSubstr("CXL:1"));
  EXPECT_THAT(lines[kRow0 + 11], HasSubstr("LOCAL 128 "));
  EXPECT_THAT(lines[kRow0 + 19], HasSubstr("CXL:1"));
  EXPECT_THAT(lines[kRow0 + 32], HasSubstr("REMOTE:0 128000"));
}

TEST(TraceBuilder, LayersWithoutTimesAreLeftOutWithOneWarning) {
  TraceWorld world(small_model());
  world.times->absent = {Layer::layernorm, Layer::act_fn};
  EXPECT_EQ(world.build(world.batch({{6, 0}})).num_rows(), 1 + 3 * 6 + 3);
  EXPECT_THAT(world.warnings, ElementsAre(HasSubstr("'layernorm'"), HasSubstr("'act_fn'")));
  world.times->absent = {Layer::lm_head};
  EXPECT_THROW(world.build(world.batch({{6, 0}})), UserError);
  world.times->absent = {Layer::attention};
  EXPECT_THROW(world.build(world.batch({{6, 0}})), UserError);
}

TEST(TraceBuilder, TpusHaveNoRotaryRow) {
  TraceWorld world(small_model());
  world.instance.hardware = "TPU-v6e";
  EXPECT_EQ(world.build(world.batch({{6, 0}})).num_rows(), 1 + 3 * 8 + 3);
  EXPECT_THAT(world.warnings, IsEmpty());
}

TEST(TraceBuilder, ExpertModelOfADenseFamilyHasNoMlp) {
  ModelConfig model = small_moe_model();
  model.model_type = "llama";
  TraceWorld world(model);
  EXPECT_EQ(world.build(world.batch({{6, 0}})).num_rows(), 1 + 3 * 6 + 3);
}

TEST(ExchangeSizes, AGroupMovesTheTokensOfAllItsMembers) {
  TraceWorld world(small_moe_model());
  const auto form = ExpertExchange::all_gather_reduce_scatter;
  const auto vllm = FidelityPolicy::for_mode(Fidelity::vllm);
  world.instance.dp_group = 0;
  world.instance.ep_total = 2;
  world.instance.local_ep = 1;
  // The reference: one member's tokens. The engine: those of both, a rank's share is half of them.
  EXPECT_EQ(exchange_sizes(world.instance, 100, 0, form, {}).combine_size.count(), 100 * 64 * 2);
  EXPECT_EQ(exchange_sizes(world.instance, 100, 0, form, vllm).combine_size.count(), 200 * 64 * 2);
  EXPECT_EQ(exchange_sizes(world.instance, 100, 0, form, vllm).dispatch_size.count(), 100 * 72 * 2);
  // Unlike members: their sum, whoever is longer.
  EXPECT_EQ(exchange_sizes(world.instance, 100, 120, form, vllm).dispatch_size.count(),
            60 * 72 * 2);
}

TEST(ExchangeSizes, ADispatchHasAtLeastOneToken) {
  TraceWorld world(small_moe_model());
  const auto form = ExpertExchange::all_gather_reduce_scatter;
  EXPECT_EQ(exchange_sizes(world.instance, 100, 0, form, {}).dispatch, CollectiveKind::none);
  world.instance.ep_total = 4;
  EXPECT_EQ(exchange_sizes(world.instance, 100, 0, form, {}).dispatch_size.count(), 25 * 72 * 2);
  EXPECT_EQ(exchange_sizes(world.instance, 3, 0, form, {}).dispatch_size.count(), 72 * 2);
  EXPECT_EQ(exchange_sizes(world.instance, 3, 0, form, {}).combine_size.count(), 3 * 64 * 2);
}

}  // namespace
}  // namespace lockstep
