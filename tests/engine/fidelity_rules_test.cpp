// Rules that the mode after vLLM mends, each against the reference's.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "config/fidelity.hpp"
#include "iteration/graph.hpp"
#include "model/expert_routing.hpp"
#include "serving/kv_cache_manager.hpp"
#include "serving/npu_kv_layout.hpp"

namespace lockstep {
namespace {

const FidelityPolicy kReference = FidelityPolicy::reference();
const FidelityPolicy kVllm = FidelityPolicy::for_mode(Fidelity::vllm);

TEST(FidelityRules, RoundRobinGoesOnWhereItStopped) {
  ExpertRouter mended(ExpertRoutingPolicy::round_robin, 8, 2, kVllm.expert_round_robin_restarts);
  ExpertLoad load = mended.route(3, 2);  // experts 0 to 5
  EXPECT_EQ(load.local_tokens, (std::vector<std::int64_t>{2, 1}));
  EXPECT_EQ(load.activated_experts, (std::vector<std::int64_t>{4, 2}));
  load = mended.route(1, 2);  // experts 6 and 7
  EXPECT_EQ(load.local_tokens, (std::vector<std::int64_t>{0, 1}));

  ExpertRouter reference(ExpertRoutingPolicy::round_robin, 8, 2);
  load = reference.route(3, 2);
  EXPECT_EQ(load.local_tokens, (std::vector<std::int64_t>{3, 0}));
  EXPECT_EQ(load.activated_experts, (std::vector<std::int64_t>{2, 0}));
}

std::shared_ptr<ModelConfig> small_model() {
  auto model = std::make_shared<ModelConfig>();
  model->name = "small";
  model->model_type = "llama";
  model->hidden_size = 64;
  model->num_hidden_layers = 4;
  model->num_attention_heads = 8;
  model->num_key_value_heads = 2;
  model->head_dim = 8;
  model->intermediate_size = 128;
  model->moe_intermediate_size = 128;
  model->vocab_size = 1000;
  model->max_position_embeddings = 4096;
  return model;
}

Instance instance_of(std::shared_ptr<const ModelConfig> model, std::int64_t tp) {
  Instance instance;
  instance.model = std::move(model);
  instance.tp = instance.num_npus = tp;
  instance.npu_mem.size_gb = 1;
  return instance;
}

TEST(FidelityRules, FewKvHeadsAreReplicated) {
  const Instance instance = instance_of(small_model(), 8);
  const Bytes cut = plan_npu_kv(instance, kReference).bytes_per_block;
  const Bytes whole = plan_npu_kv(instance, kVllm).bytes_per_block;
  EXPECT_EQ(cut.count(), 16 * 2 * 2 * 8 * 4 * 2 / 8);
  EXPECT_EQ(whole.count(), 16 * 2 * 8 * 4 * 2);  // one head of two on every rank
  const Instance enough = instance_of(small_model(), 2);
  EXPECT_EQ(plan_npu_kv(enough, kReference).bytes_per_block,
            plan_npu_kv(enough, kVllm).bytes_per_block);
}

TEST(FidelityRules, TiedEmbeddingsAreOneTable) {
  const auto model = small_model();
  const Instance instance = instance_of(model, 1);
  const Bytes both = plan_npu_kv(instance, kVllm).weight_bytes;
  EXPECT_EQ(both, plan_npu_kv(instance, kReference).weight_bytes);
  model->tie_word_embeddings = true;
  EXPECT_EQ(plan_npu_kv(instance, kReference).weight_bytes, both);
  EXPECT_EQ(both - plan_npu_kv(instance, kVllm).weight_bytes, Bytes{1000 * 64 * 2});
}

TEST(FidelityRules, WeightsElsewhereLeaveRoom) {
  Instance instance = instance_of(small_model(), 1);
  instance.placement.layers[Layer::lm_head].weights = {MemoryTier::cxl, 0};
  const Bytes reference = plan_npu_kv(instance, kReference).weight_bytes;
  EXPECT_EQ(reference - plan_npu_kv(instance, kVllm).weight_bytes, Bytes{1000 * 64 * 2});
}

/// A tier of two chunks gets A and B, A is used again, C comes in. Is A still there?
bool survives_when_used(const FidelityPolicy& policy) {
  NpuKvLayout layout;
  layout.blocks = 2;
  layout.block_size = 4;
  layout.bytes_per_block = Bytes{64};
  auto lower = std::make_shared<PrefixPool>(PrefixStorage::cpu, false, 4, 2, Bytes{64});
  KVCacheManager kv(layout, true, lower, policy.lower_tier_hit_may_cover_all,
                    policy.lower_tier_ignores_hits);
  const auto use = [&](std::int32_t first_id) {
    WorkloadRequest source;
    source.input_toks = 5;
    for (std::int32_t i = 0; i < 5; ++i) {
      source.input_ids.push_back(first_id + i);
    }
    Request request;
    request.input = request.num_tokens = 5;
    request.output = 6;
    request.source = &source;
    kv.prepare(request);
    const PrefixHit hit = kv.look_up(request, true);
    EXPECT_TRUE(kv.allocate(request, hit.tokens(), 5 - hit.tokens(), hit));
    kv.release(request);
    return hit.lower_tokens > 0;
  };
  EXPECT_FALSE(use(100));
  EXPECT_FALSE(use(200));
  EXPECT_TRUE(use(100));
  EXPECT_FALSE(use(300));
  return use(100);
}

TEST(FidelityRules, LowerTierKeepsWhatIsUsed) {
  EXPECT_TRUE(survives_when_used(kVllm));
  EXPECT_FALSE(survives_when_used(kReference));
}

TraceRow layer_row(std::string_view name, std::int64_t time) {
  TraceRow row;
  row.name = name;
  row.comp_time = Nanos{time};
  return row;
}

TraceRow marker(RowKind kind, std::int32_t index) {
  TraceRow row;
  row.kind = kind;
  row.index = index;
  if (index == 0) {
    row.comm =
        kind == RowKind::expert ? CollectiveKind::all_gather : CollectiveKind::reduce_scatter;
    row.comm_size = Bytes{4096};
  }
  return row;
}

/// Does the expert on the second NPU wait for the dispatch?
bool second_expert_waits(bool wanted) {
  IterationTrace trace;
  trace.segments.push_back(
      {{layer_row("embedding", 500), marker(RowKind::expert, 0), layer_row("expert", 700),
        marker(RowKind::expert, 1), layer_row("expert", 800), marker(RowKind::expert_end, 0),
        layer_row("sampler", 300)},
       1});
  const auto graphs = build_graphs(trace, {.num_npus = 2, .experts_wait_for_dispatch = wanted});
  const NpuGraph& graph = graphs.at(1);
  for (std::size_t v = 0; v < graph.size(); ++v) {
    if (graph.nodes[v].duration == Nanos{800}) {
      const auto parents = graph.parents_of(v);
      return std::any_of(parents.begin(), parents.end(), [&](std::int32_t parent) {
        return graph.nodes[static_cast<std::size_t>(parent)].comm == CollectiveKind::all_gather;
      });
    }
  }
  ADD_FAILURE() << "no expert on NPU 1";
  return false;
}

TEST(FidelityRules, ExpertsWaitForTheirTokens) {
  EXPECT_TRUE(second_expert_waits(!kVllm.experts_overlap_dispatch));
  EXPECT_FALSE(second_expert_waits(!kReference.experts_overlap_dispatch));
}

}  // namespace
}  // namespace lockstep
