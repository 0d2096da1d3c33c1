// Which instances run operation by operation, and what they are refused with.
#include "config/described_model.hpp"

#include "cluster_support.hpp"

namespace lockstep::testing {
namespace {

constexpr const char* kOss = "openai/gpt-oss-20b";
constexpr const char* kFp8 = "Qwen/Qwen3-32B-FP8";

RunOptions vllm(StepRule rule = StepRule::automatic) {
  RunOptions options;
  options.fidelity = Fidelity::vllm;
  options.kernel_times = rule;
  return options;
}

bool described(const char* model, const RunOptions& options) {
  return parse(cluster_of({instance(model)}), options).instances.front().description != nullptr;
}

TEST(DescribedModel, TakesWhatTheLayersModelDoesNotKnow) {
  EXPECT_TRUE(described(kOss, vllm()));
  EXPECT_TRUE(described(kFp8, vllm())) << "quantised";
  EXPECT_FALSE(described(kDense, vllm()));
  EXPECT_FALSE(described(kMoe, vllm()));
  EXPECT_TRUE(described(kDense, vllm(StepRule::operations)));
  EXPECT_FALSE(described(kFp8, vllm(StepRule::layers)));
  RunOptions reference = vllm(StepRule::operations);
  reference.fidelity = Fidelity::reference;
  EXPECT_FALSE(described(kDense, reference));
}

TEST(DescribedModel, FillsTheOldFieldsFromTheDescription) {
  const Cluster cluster = parse(cluster_of({instance(kOss, {{"tp_size", 2}})}), vllm());
  const Instance& one = cluster.instances.front();
  EXPECT_EQ(one.model->name, kOss);
  EXPECT_EQ(one.model->num_hidden_layers, 24);
  EXPECT_EQ(one.model->num_attention_heads, 64);
  EXPECT_EQ(one.model->num_key_value_heads, 8);
  EXPECT_EQ(one.model->num_experts, 32);
  EXPECT_EQ(one.model->max_position_embeddings, 131072);
  EXPECT_EQ(one.split().moe_ep, 2) << "ep_size is tp_size where it is left out";
}

TEST(DescribedModel, SplitsAsTheEngineDoes) {
  const auto split = [](const Json& keys, int count) {
    const Json json = cluster_of(times(count, instance(kOss, keys)).get<std::vector<Json>>());
    return parse(json, vllm()).instances.back().split();
  };
  const ParallelSplit shared = split({{"tp_size", 4}, {"ep_size", 1}}, 1);
  EXPECT_EQ(shared.moe_tp, 4);
  EXPECT_EQ(shared.moe_ep, 1);
  const ParallelSplit group = split({{"tp_size", 2}, {"ep_size", 8}, {"dp_group", "A"}}, 4);
  EXPECT_EQ(group.attention_dp, 4);
  EXPECT_EQ(group.moe_ep, 8);
  EXPECT_EQ(group.tp, 2);
}

TEST(DescribedModel, TheCacheFormatIsTheDescriptions) {
  const auto type = [](const Json& keys) {
    return parse(cluster_of({instance(kOss, keys)}), vllm()).instances.front();
  };
  EXPECT_EQ(type({}).kv_fp(), 2);
  EXPECT_EQ(type({{"kv_cache_dtype", "fp8"}}).kv_fp(), 1);
  EXPECT_TRUE(type({{"kv_cache_dtype", "fp8"}}).description->fp8_cache);
}

TEST(DescribedModel, RefusesWhatItIsNotSimulatedWith) {
  const auto refused = [](const Json& keys) {
    return refusal(cluster_of({instance(kOss, keys)}), vllm());
  };
  const std::string start =
      "instance 0 runs openai/gpt-oss-20b operation by operation, which is not simulated with ";
  const std::string place = " @ nodes[0].instances[0].";
  EXPECT_EQ(refused({{"tp_size", 1}, {"pp_size", 2}}),
            start + "pipeline stages" + place + "pp_size");
  EXPECT_EQ(refused({{"tp_size", 4}, {"ep_size", 2}}),
            start + "experts on 2 of its 4 ranks" + place + "ep_size");
  EXPECT_EQ(refused({{"speculative_tokens", 2}, {"acceptance_rate", 0.5}}),
            start + "speculative decoding" + place + "speculative_tokens");
  EXPECT_EQ(refused({{"max_loras", 2}}), start + "adapters" + place + "max_loras");
  EXPECT_EQ(refused({{"enable_local_offloading", true}}),
            start + "offloaded weights" + place + "enable_local_offloading");
  RunOptions options = vllm();
  options.expert_routing_policy = ExpertRoutingPolicy::random;
  EXPECT_EQ(refusal(cluster_of({instance(kOss)}), options),
            "openai/gpt-oss-20b is run operation by operation, which is not simulated with another "
            "routing than that of the measured experts @ --expert-routing-policy");
}

}  // namespace
}  // namespace lockstep::testing
