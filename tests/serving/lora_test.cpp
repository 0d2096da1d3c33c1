// Adapters of low rank: who shares a step, and what memory they take.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "draws.hpp"
#include "one_npu.hpp"
#include "serving/lora_shape.hpp"

namespace lockstep::testing {
namespace {

constexpr std::int64_t kBlocksEnough = 200;

OneNpu with_adapters(std::int64_t most, std::int64_t budget = 64, bool caching = false) {
  OneNpu npu(kBlocksEnough, budget, caching, FidelityPolicy::for_mode(Fidelity::vllm));
  npu.instance.features.lora.max_loras = most;
  return npu;
}

void add_adapted(OneNpu& npu, std::int32_t adapter, std::int64_t input = 4,
                 std::int64_t output = 3) {
  Request& request = npu.requests.add(input, output);
  request.lora = adapter;
  npu.scheduler().add_request(request);
}

TEST(Lora, OneMoreIsPassedOverAndThoseBehindItAreNot) {
  OneNpu npu = with_adapters(2);
  for (const std::int32_t adapter : {0, 1, 2, 0, -1, 2, 1}) {
    add_adapted(npu, adapter);
  }
  EXPECT_EQ(text(npu.schedule(0)), "r0 4@0, r1 4@0, r3 4@0, r4 4@0, r6 4@0");
  ASSERT_EQ(npu.scheduler().num_waiting(), 2U);
  EXPECT_EQ(npu.scheduler().waiting().front()->id, 2) << "the order of those passed over stays";
}

TEST(Lora, TwoAdaptersTakeTurnsWhereOneFits) {
  OneNpu npu = with_adapters(1);
  add_adapted(npu, 0);
  add_adapted(npu, 1);
  add_adapted(npu, 0);
  std::vector<std::string> steps;
  for (std::int64_t now = 0; !npu.scheduler().empty(); ++now) {
    Batch* batch = npu.schedule(now);
    steps.push_back(text(batch));
    npu.finish(batch->id, now + 1);
  }
  EXPECT_EQ(steps, (std::vector<std::string>{"r0 4@0, r2 4@0", "r0 1@4, r2 1@4", "r0 1@5, r2 1@5",
                                             "r1 4@0", "r1 1@4", "r1 1@5"}));
}

TEST(Lora, AHandedOverPromptIsPassedOverToo) {
  OneNpu npu = with_adapters(1);
  npu.instance.pd = PdType::decode;
  for (const std::int32_t adapter : {0, 1, 0}) {
    Request& request = npu.computed_prompt(4, 3);
    request.lora = adapter;
    npu.scheduler().add_decode(request);
  }
  EXPECT_EQ(text(npu.schedule(0)), "r0 1@4, r2 1@4");
  npu.finish(0, 1);
  npu.finish(npu.schedule(1)->id, 2);
  EXPECT_EQ(text(npu.schedule(2)), "r1 1@4");
}

/// Equal prompts under two adapters have other keys and values.
TEST(Lora, PrefixesAreAnAdaptersOwn) {
  OneNpu npu = with_adapters(4, 64, true);
  std::vector<std::int64_t> hits;
  for (const std::int32_t adapter : {-1, 0, 1, 0, -1}) {
    Request& request = npu.requests.add_with_ids(20, 1, 100);
    request.lora = adapter;
    npu.scheduler().add_request(request);
    npu.finish(npu.schedule(0)->id, 1);
    hits.push_back(request.prefix_cache_hit);
  }
  EXPECT_EQ(hits, (std::vector<std::int64_t>{0, 0, 0, 16, 16}));
}

RC_GTEST_PROP(Lora, NoStepHoldsMoreAndNobodyWhoFitsWaits, ()) {
  const std::int64_t most = draw(1, 3);
  OneNpu npu = with_adapters(most, draw(4, 40));
  npu.blocks = coin() ? kBlocksEnough : draw(12, 20);
  npu.instance.max_num_seqs = draw(1, 8);
  npu.instance.features.step_policy =
      *rc::gen::element(StepPolicy::mixed, StepPolicy::prefill_first, StepPolicy::decode_first);
  const std::int64_t count = draw(1, 12);
  for (std::int64_t i = 0; i < count; ++i) {
    add_adapted(npu, static_cast<std::int32_t>(draw(-1, 4)), draw(1, 20), draw(1, 12));
  }
  Scheduler& scheduler = npu.scheduler();
  for (std::int64_t now = 0; !scheduler.empty(); ++now) {
    RC_ASSERT(now < 5'000);
    const std::int64_t preempted = scheduler.num_preemptions();
    Batch* batch = npu.schedule(now);
    std::set<std::int32_t> running;
    for (const Request* request : scheduler.running()) {
      running.insert(request->lora);
    }
    running.erase(-1);
    RC_ASSERT(std::ssize(running) <= most);
    if (batch == nullptr) {
      continue;
    }
    const bool plenty = npu.blocks == kBlocksEnough && scheduler.num_preemptions() == preempted &&
                        batch->total_len < npu.instance.max_num_batched_tokens &&
                        std::ssize(scheduler.running()) < npu.instance.max_num_seqs;
    if (plenty && npu.instance.features.step_policy == StepPolicy::mixed) {
      for (const Request* request : scheduler.waiting()) {
        RC_ASSERT(request->lora >= 0 && std::ssize(running) == most &&
                  !running.contains(request->lora));
      }
    }
    npu.finish(batch->id, now + 1);
  }
}

Instance adapted_instance() {
  Instance instance;
  auto model = std::make_shared<ModelConfig>();
  model->hidden_size = 64;
  model->num_hidden_layers = 6;
  model->num_attention_heads = 8;
  model->num_key_value_heads = 4;
  model->head_dim = 8;
  model->intermediate_size = model->moe_intermediate_size = 96;
  model->vocab_size = 100;
  model->max_position_embeddings = 4096;
  instance.model = model;
  instance.npu_mem.size_gb = 1;
  instance.features.lora.max_loras = 3;
  instance.features.lora.max_rank = 8;
  return instance;
}

/// A: three of 64 rows, one of 64, two of 64, one of 96; B: 128, 64, 192, 64 columns.
TEST(Lora, BytesAreThoseOfTheMatrices) {
  Instance instance = adapted_instance();
  const std::int64_t elements = (3 * 64 + 128) + (64 + 64) + (2 * 64 + 192) + (96 + 64);
  EXPECT_EQ(adapter_bytes(instance), Bytes{elements * 8 * 6 * 2});
  EXPECT_EQ(lora_bytes(instance), Bytes{elements * 8 * 6 * 2 * 3});
  instance.tp = 2;
  const std::int64_t half = (3 * 64 + 64) + (32 + 64) + (2 * 64 + 96) + (48 + 64);
  EXPECT_EQ(adapter_bytes(instance), Bytes{half * 8 * 6 * 2});
  instance.features.lora.max_rank = 0;
  EXPECT_EQ(lora_bytes(instance), Bytes{0});
}

TEST(Lora, TheirMemoryComesFromTheKvCache) {
  Instance with = adapted_instance();
  Instance without = with;
  without.features.lora.max_loras = 0;
  const NpuKvLayout less = plan_npu_kv(with);
  const NpuKvLayout all = plan_npu_kv(without);
  const std::int64_t blocks = lora_bytes(with) / all.bytes_per_block;
  EXPECT_GT(blocks, 0);
  EXPECT_GE(all.blocks - less.blocks, blocks);
  EXPECT_LE(all.blocks - less.blocks, blocks + 1);
}

}  // namespace
}  // namespace lockstep::testing
