#include <cmath>

#include "cluster_support.hpp"
#include "config/fidelity.hpp"

namespace lockstep::testing {
namespace {

Instance settled(const Json& keys, const RunOptions& options = {}) {
  return parse(cluster_of({instance(kDense, keys)}), options).instances.at(0);
}
std::string bad(const Json& keys, const RunOptions& options = {}) {
  return refusal(cluster_of({instance(kDense, keys)}), options);
}

TEST(InstanceSettings, KeyOverFlagOverDefault) {
  RunOptions options;
  options.max_num_seqs = 7;
  options.enable_chunked_prefill = false;
  options.dtype = DataType::fp8;
  options.block_size = 32;
  const Instance flags = settled(Json::object(), options);
  EXPECT_EQ(flags.max_num_seqs, 7);
  EXPECT_FALSE(flags.enable_chunked_prefill);
  EXPECT_EQ(flags.dtype, DataType::fp8);
  const Instance keys = settled({{"max_num_seqs", 9},
                                 {"enable_chunked_prefill", true},
                                 {"dtype", "float32"},
                                 {"kv_cache_dtype", "fp8"},
                                 {"block_size", nullptr}},
                                options);
  EXPECT_EQ(keys.max_num_seqs, 9);
  EXPECT_TRUE(keys.enable_chunked_prefill);
  EXPECT_EQ(keys.dtype, DataType::float32);
  EXPECT_EQ(keys.kv_fp(), 1);
  EXPECT_EQ(keys.block_size, 32);
  EXPECT_EQ(settled({{"dtype", nullptr}}).dtype, DataType::bfloat16);
  EXPECT_EQ(settled({{"max_num_seqs", 0}}).max_num_seqs, 0);
}

TEST(InstanceSettings, Refusals) {
  const std::string place = " @ nodes[0].instances[0].";
  EXPECT_EQ(bad({{"dtype", "fp4"}}), "Unsupported dtype 'fp4' for instance 0" + place + "dtype");
  EXPECT_EQ(bad({{"kv_cache_dtype", "int8"}}),
            "Unsupported kv_cache_dtype 'int8' for instance 0" + place + "kv_cache_dtype");
  EXPECT_EQ(bad({{"enable_sub_batch_interleaving", true}}),
            "Instance 0 enables sub-batch interleaving without attention offloading" + place +
                "enable_sub_batch_interleaving");
  EXPECT_EQ(bad({{"block_size", 0}}), "block_size is 0" + place + "block_size");
  EXPECT_EQ(bad({{"max_num_seqs", -1}}), "max_num_seqs is -1" + place + "max_num_seqs");
  EXPECT_EQ(
      bad({{"enable_prefix_caching", "false"}}),
      "'nodes[0].instances[0].enable_prefix_caching' is \"false\", not true or false, without "
      "quotes" +
          place + "enable_prefix_caching");
  RunOptions options;
  options.block_size = -4;
  EXPECT_EQ(bad(Json::object(), options), "--block-size is -4 @ --block-size");
  options = {};
  options.enable_sub_batch_interleaving = true;
  EXPECT_EQ(bad(Json::object(), options),
            "Instance 0 enables sub-batch interleaving without attention offloading @ "
            "--enable-sub-batch-interleaving");
  Json json = cluster_of({instance(kDense, {{"tp_size", 1}, {"pp_size", 2}})});
  json["nodes"][0]["cpu_mem"]["pim_config"] = "DDR4_8GB_3200_pim";
  options.enable_attn_offloading = true;
  EXPECT_EQ(
      refusal(json, options).find("Instance 0 enables sub-batch interleaving with pp_size 2:"), 0U);
}

TEST(InstanceSettings, Features) {
  RunOptions options;
  EXPECT_EQ(settled(Json::object(), options).features.queue_policy, QueuePolicy::fcfs);
  options.features.queue_policy = QueuePolicy::priority;
  EXPECT_EQ(settled(Json::object(), options).features.queue_policy, QueuePolicy::priority);
  EXPECT_EQ(settled({{"scheduling_policy", "fcfs"}}, options).features.queue_policy,
            QueuePolicy::fcfs);
  options.features.step_policy = StepPolicy::decode_first;
  EXPECT_EQ(settled(Json::object(), options).features.step_policy, StepPolicy::decode_first);
  EXPECT_EQ(settled({{"step_policy", "prefill-first"}}, options).features.step_policy,
            StepPolicy::prefill_first);
  EXPECT_EQ(settled({{"step_policy", "mixed"}}, options).features.step_policy, StepPolicy::mixed);
  EXPECT_EQ(bad({{"step_policy", "both"}}),
            "step_policy is 'both' @ nodes[0].instances[0].step_policy");
  EXPECT_EQ(bad({{"scheduling_policy", "lifo"}}),
            "scheduling_policy is 'lifo' @ nodes[0].instances[0].scheduling_policy");
}

TEST(InstanceSettings, Speculation) {
  RunOptions options;
  options.fidelity = Fidelity::vllm;
  options.features.speculation.tokens = 3;
  EXPECT_EQ(bad(Json::object(), options),
            "tokens are to be proposed, and nothing says how many are accepted @ "
            "--acceptance-rate");
  options.features.speculation.acceptance = 0.5;
  const Instance flags = settled(Json::object(), options);
  EXPECT_EQ(flags.features.speculation.tokens, 3);
  EXPECT_FALSE(flags.terms.async_scheduling);
  EXPECT_TRUE(settled({{"speculative_tokens", 0}}, options).terms.async_scheduling);
  EXPECT_EQ(settled({{"acceptance_rate", 0.25}}, options).features.speculation.acceptance, 0.25);
  EXPECT_EQ(settled({{"draft_cost_us", 8}}, options).features.speculation.draft_micros, 8);
  EXPECT_EQ(bad({{"acceptance_rate", 1.5}}, options),
            "the acceptance rate is 1.5 @ nodes[0].instances[0].acceptance_rate");
  EXPECT_EQ(bad({{"speculative_tokens", -1}}, options),
            "-1 tokens are to be proposed a step @ nodes[0].instances[0].speculative_tokens");
  EXPECT_EQ(bad({{"draft_cost_us", -0.5}}, options),
            "a draft takes -0.5 us @ nodes[0].instances[0].draft_cost_us");
  EXPECT_EQ(bad({{"tp_size", 1}, {"pp_size", 2}}, options),
            "instance 0 has speculative decoding (--speculative-tokens 3) with pipeline stages "
            "(pp_size above 1) @ --speculative-tokens");
}

/// Multiples of the tokens of a request.
TEST(InstanceSettings, SpeculationCapturesWholeRequests) {
  RunOptions options;
  options.fidelity = Fidelity::vllm;
  options.features.speculation = {2, 0.5, 0, 0};
  options.max_num_seqs = 4;
  EXPECT_EQ(settled(Json::object(), options).capture_sizes,
            (std::vector<std::int64_t>{3, 6, 9, 18, 24}));
  options.max_cudagraph_capture_size = 8;
  EXPECT_EQ(settled(Json::object(), options).capture_sizes, (std::vector<std::int64_t>{3, 6}));
}

TEST(InstanceSettings, SpeculationIsOneOfAGroup) {
  const Json json = cluster_of(
      {instance(kDense, {{"dp_group", "A"}, {"speculative_tokens", 2}, {"acceptance_rate", 0.5}}),
       instance(kDense, {{"dp_group", "A"}})});
  EXPECT_EQ(refusal(json, {}),
            "speculative_tokens is 2 for instance 0 of DP group 'A' and 0 for instance 1 @ "
            "nodes[*].instances[*].speculative_tokens");
}

TEST(InstanceSettings, Adapters) {
  RunOptions options;
  options.features.lora.max_loras = 4;
  EXPECT_EQ(settled(Json::object(), options).features.lora.max_loras, 4);
  EXPECT_EQ(
      settled({{"max_loras", 2}, {"max_lora_rank", 8}, {"lora_load_bandwidth", 12.5}}, options)
          .features.lora.max_rank,
      8);
  EXPECT_EQ(bad({{"max_loras", -2}}),
            "-2 adapters are to share a step @ nodes[0].instances[0].max_loras");
  EXPECT_EQ(bad({{"max_lora_rank", -1}}),
            "the rank of adapters is -1 @ nodes[0].instances[0].max_lora_rank");
  EXPECT_EQ(bad({{"lora_load_bandwidth", -1}}),
            "adapters come at -1.0 GB/s @ nodes[0].instances[0].lora_load_bandwidth");
}

TEST(InstanceSettings, Utilization) {
  const auto with = [](const Json& value) {
    Json json = cluster_of({instance(kDense)});
    json["nodes"][0]["instances"][0]["npu_mem"]["mem_util"] = value;
    return json;
  };
  const std::string place = " @ nodes[0].instances[0].npu_mem.mem_util";
  EXPECT_EQ(parse(with(0.5)).instances[0].mem_util, 0.5);
  EXPECT_EQ(parse(with(nullptr)).instances[0].mem_util, 0.9);
  EXPECT_EQ(refusal(with(90)),
            "npu_mem.mem_util for instance 0 must be in (0, 1]; got 90.0" + place);
  EXPECT_EQ(refusal(with("nan")),
            "npu_mem.mem_util for instance 0 must be in (0, 1]; got nan" + place);
  EXPECT_EQ(refusal(with({1})),
            "npu_mem.mem_util for instance 0 must be a number in (0, 1]; got [1]" + place);
  RunOptions options;
  options.npu_memory_utilization = std::nan("");
  EXPECT_EQ(bad(Json::object(), options),
            "npu_mem.mem_util for instance 0 must be in (0, 1]; got nan @ "
            "--npu-memory-utilization");
  EXPECT_EQ(parse(with(1), options).instances[0].mem_util, 1);
}

TEST(InstanceSettings, PrefixPoolsNeedTheirMemory) {
  RunOptions options;
  options.prefix_storage = PrefixStorage::cxl;
  const Json json = cluster_of({instance(kDense), instance(kDense, {{"block_size", 32}})});
  EXPECT_EQ(refusal(json, options),
            "Memory size for prefix storage type CXL is invalid @ --prefix-storage");
  options.prefix_storage = PrefixStorage::cpu;
  EXPECT_EQ(refusal(json, options), "accepted");
  options.enable_prefix_sharing = true;
  EXPECT_EQ(refusal(json, options),
            "Shared prefix pool requires instances to share block_size; got {16, 32} @ "
            "--enable-prefix-sharing");
  const Json types = cluster_of({instance(kDense), instance(kDense, {{"kv_cache_dtype", "fp8"}})});
  EXPECT_EQ(refusal(types, options),
            "Shared prefix pool requires instances to share model, dtype, and kv_cache_dtype; got "
            "{('meta-llama/Llama-3.1-8B', 16, 'auto'), ('meta-llama/Llama-3.1-8B', 16, 'fp8')} @ "
            "--enable-prefix-sharing");
}

TEST(Fidelity, EveryRuleOfTheReferenceIsOffForTheEngineItself) {
  const FidelityPolicy on = FidelityPolicy::for_mode(Fidelity::reference);
  const FidelityPolicy off = FidelityPolicy::for_mode(Fidelity::vllm);
  EXPECT_EQ(on.idle_step, Nanos{1'000'000});
  EXPECT_EQ(off.idle_step, Nanos{0});
  EXPECT_TRUE(on.end_npu_joins_at_next_event && on.extra_decode_step_after_handoff);
  EXPECT_FALSE(off.end_npu_joins_at_next_event || off.queuing_delay_of_last_chunk ||
               off.lower_tier_hit_may_cover_all || off.decode_over_reserves_hits ||
               off.tokens_count_when_scheduled || off.extra_decode_step_after_handoff ||
               off.handoff_leaves_out_hits || off.shared_reduction_bandwidth ||
               off.integer_memory_figures);
  EXPECT_FALSE(off.last_chunk_not_shortened || off.pim_queues_shared_by_nodes ||
               off.kv_heads_split_without_limit || off.kv_read_in_weight_type ||
               off.private_tiers_have_all_memory || off.skip_prefill_computes_prompt ||
               off.pim_breaks_the_chain || off.pim_length_is_prompt || off.cpu_load_adds_up ||
               off.batch_energy_at_dispatch || off.dummies_are_standby);
}

}  // namespace
}  // namespace lockstep::testing
