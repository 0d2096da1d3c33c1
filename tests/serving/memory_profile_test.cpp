#include "serving/memory_profile.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "model/description/plain_config.hpp"
#include "model/description/read_description.hpp"
#include "reference_data.hpp"
#include "serving/capacity.hpp"
#include "serving/npu_kv_layout.hpp"
#include "serving/server_memory.hpp"

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

/// DeepSeek-V3 in 8 bits over eight ranks of a B200.
Instance deep_seek() {
  Instance instance;
  instance.description = std::make_shared<const ModelDescription>(
      find_description({testing::source_dir() / "configs" / "model"}, "deepseek-ai/DeepSeek-V3"));
  instance.model = std::make_shared<const ModelConfig>(plain_config(*instance.description));
  instance.npu_mem.size_gb = 180;
  instance.tp = instance.num_npus = instance.ep = instance.ep_total = instance.local_ep = 8;
  instance.terms.memory_profile = true;
  return instance;
}

TEST(MemoryProfile, DescribedModelsCountByTheirOwnLayers) {
  Instance instance = deep_seek();
  const NpuKvLayout layout = plan_npu_kv(instance, FidelityPolicy::for_mode(Fidelity::vllm));
  // One latent vector of 576 values a token and layer, on every rank.
  EXPECT_EQ(layout.bytes_per_block.count(), 16LL * 576 * 2 * 61);
  const double gib = static_cast<double>(layout.weight_bytes.count()) / (1 << 30);
  EXPECT_NEAR(gib, 671e9 / 8 / (1 << 30), 5) << "671 billion weights of a byte, attention whole";
  EXPECT_EQ(weights_of_rank(instance).total(), layout.weight_bytes);
  EXPECT_GT(layout.reserved, Bytes{2 * kGiB});
  instance.terms = EngineTerms::none();
  const NpuKvLayout plain = plan_npu_kv(instance, FidelityPolicy::for_mode(Fidelity::vllm));
  EXPECT_EQ(plain.reserved, Bytes{0});
  EXPECT_GT(plain.blocks, layout.blocks);
  instance.num_gpu_blocks = 99;
  EXPECT_EQ(plan_npu_kv(instance, FidelityPolicy::for_mode(Fidelity::vllm)).blocks, 99);
}

TEST(MemoryProfile, DescribedModelsThatDoNotFitAreRefused) {
  Instance instance = deep_seek();
  instance.tp = instance.num_npus = 1;
  instance.ep = instance.ep_total = instance.local_ep = 1;
  EXPECT_THROW((void)plan_npu_kv(instance, FidelityPolicy::for_mode(Fidelity::vllm)), UserError);
}

TEST(MemoryProfile, WindowsAreSetAsideForEverySequence) {
  Instance instance = deep_seek();
  instance.description = std::make_shared<const ModelDescription>(
      find_description({testing::source_dir() / "configs" / "model"}, "openai/gpt-oss-20b"));
  instance.npu_mem.size_gb = 80;
  instance.tp = instance.num_npus = instance.ep = instance.ep_total = instance.local_ep = 1;
  const auto reserved = [&](std::int64_t sequences) {
    instance.max_num_seqs = sequences;
    return plan_npu_kv(instance, FidelityPolicy::for_mode(Fidelity::vllm)).reserved.count();
  };
  // Half of 24 layers keep 128 tokens and a block, of 8 heads of 64; logits grow beside them.
  const std::int64_t window = 12LL * (128 + 16) * 2 * 8 * 64 * 2;
  EXPECT_EQ(reserved(200) - reserved(100), 100 * (window + 201088LL * 6));
}

}  // namespace
}  // namespace lockstep
