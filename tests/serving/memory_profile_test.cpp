#include "serving/memory_profile.hpp"

#include <gtest/gtest.h>

#include "serving/npu_kv_layout.hpp"

namespace lockstep {
namespace {

/// Llama-3.1-8B's dimensions.
Instance llama_on(double memory_gib, std::int64_t max_num_seqs) {
  ModelConfig model;
  model.name = "llama";
  model.model_type = "llama";
  model.hidden_size = 4096;
  model.num_hidden_layers = 32;
  model.num_attention_heads = 32;
  model.num_key_value_heads = 8;
  model.head_dim = 128;
  model.intermediate_size = 14336;
  model.moe_intermediate_size = 14336;
  model.vocab_size = 128256;
  model.max_position_embeddings = 131072;
  Instance instance;
  instance.model = std::make_shared<const ModelConfig>(model);
  instance.npu_mem.size_gb = memory_gib;
  instance.max_num_seqs = max_num_seqs;
  instance.terms.memory_profile = true;
  return instance;
}

TEST(MemoryProfile, ARecordedServersBlocksComeOut) {
  // An RTX 4090 shows 25,250,627,584 bytes; the server had 256 sequences and 2588 blocks.
  const Instance instance = llama_on(25250627584.0 / static_cast<double>(kGiB), 256);
  const auto policy = FidelityPolicy::for_mode(Fidelity::vllm);
  EXPECT_EQ(plan_npu_kv(instance, policy).blocks, 2588);
}

TEST(MemoryProfile, FewerSequencesLeaveMoreBlocks) {
  const auto policy = FidelityPolicy::for_mode(Fidelity::vllm);
  const auto blocks = [&](std::int64_t sequences) {
    return plan_npu_kv(llama_on(24, sequences), policy).blocks;
  };
  EXPECT_GT(blocks(64), blocks(256));
  EXPECT_GT(blocks(256), blocks(512));
  Instance plain = llama_on(24, 256);
  plain.terms = EngineTerms::none();
  EXPECT_GT(plan_npu_kv(plain, policy).blocks, blocks(64));
}

TEST(MemoryProfile, AGivenNumberOfBlocksCounts) {
  Instance instance = llama_on(24, 256);
  instance.num_gpu_blocks = 77;
  EXPECT_EQ(plan_npu_kv(instance, FidelityPolicy::reference()).blocks, 77);
}

TEST(MemoryProfile, LongStepsCountByTheirActivations) {
  Instance instance = llama_on(80, 8);
  instance.max_num_batched_tokens = 65536;
  const MemoryProfile profile = memory_profile(instance);
  EXPECT_GT(profile.activations, profile.sampling);
  EXPECT_EQ(profile.activations.count(), 65536LL * (2 * 4096 + 3 * 14336) * 2);
  EXPECT_EQ(profile.reserved(), profile.activations + profile.context);
}

}  // namespace
}  // namespace lockstep
