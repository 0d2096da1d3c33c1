#include "steps/step_model.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "model/description/read_description.hpp"
#include "perf/gpu_facts.hpp"
#include "perf/operations/analytic_operations.hpp"
#include "perf/operations/operation_library.hpp"
#include "reference_data.hpp"
#include "steps/fake_times.hpp"

namespace lockstep {
namespace {

ModelDescription shipped(const std::string& name) {
  return find_description({testing::source_dir() / "configs" / "model"}, name);
}

StepModel model_of(const std::string& name, ParallelSplit split = {}, StepOptions options = {}) {
  return {shipped(name), split, std::move(options), std::make_shared<testing::FakeTimes>()};
}

/// The operations by name; names that kinds of layers share are merged.
std::map<std::string, TimedOperation> by_name(const std::vector<TimedOperation>& operations) {
  std::map<std::string, TimedOperation> result;
  for (const TimedOperation& operation : operations) {
    const auto [found, added] = result.emplace(operation.name, operation);
    if (!added) {
      found->second.times += operation.times;
    }
  }
  return result;
}

const StepBatch kMixed{{{512, 256, true}, {100, 0, false}}, 30, 30 * 1000};

TEST(StepBatch, SamplesDecodesAndEndedPrompts) {
  EXPECT_EQ(kMixed.tokens(), 642);
  EXPECT_EQ(kMixed.sampled(), 31);
}

TEST(StepOptions, PadsToTheNextCapturedSize) {
  const auto sizes = default_graph_sizes(512);
  EXPECT_EQ(padded_tokens(sizes, 3), 4);
  EXPECT_EQ(padded_tokens(sizes, 100), 104);
  EXPECT_EQ(padded_tokens(sizes, 257), 272);
  EXPECT_EQ(padded_tokens(sizes, 513), 513) << "beyond the largest nothing is padded";
  EXPECT_EQ(padded_tokens(default_graph_sizes(0), 3), 3);
}

TEST(StepModel, DenseLayersHaveFusedProductsAndTwoAllReduces) {
  const auto ops = by_name(
      model_of("meta-llama/Llama-3.1-70B", ParallelSplit::of(4, 1, false)).operations(kMixed));
  const auto& qkv = std::get<Gemm>(ops.at("qkv projection").operation);
  EXPECT_EQ(qkv.n, (64 + 2 * 8) * 128 / 4);
  EXPECT_EQ(qkv.k, 8192);
  EXPECT_EQ(qkv.m, 642);
  EXPECT_EQ(ops.at("qkv projection").times, 80);
  EXPECT_EQ(std::get<Gemm>(ops.at("gate/up projection").operation).n, 2 * 28672 / 4);
  EXPECT_EQ(ops.at("attention all-reduce").times, 80);
  EXPECT_EQ(ops.at("MLP all-reduce").times, 80);
  EXPECT_DOUBLE_EQ(std::get<CollectiveCall>(ops.at("MLP all-reduce").operation).bytes,
                   642.0 * 8192 * 2);
  EXPECT_EQ(std::get<Gemm>(ops.at("output head").operation).m, 31) << "sampled rows only";
}

TEST(StepModel, OneGpuHasNoCollectives) {
  for (const TimedOperation& op : model_of("Qwen/Qwen3-8B").operations(kMixed)) {
    EXPECT_FALSE(std::holds_alternative<CollectiveCall>(op.operation)) << op.name;
  }
}

TEST(StepModel, ExpertsAreSharedOrDealt) {
  const auto experts = [](ParallelSplit split) {
    const auto ops = by_name(model_of("Qwen/Qwen3-235B-A22B", split).operations(kMixed));
    return std::get<GroupedExperts>(ops.at("experts").operation);
  };
  EXPECT_EQ(experts(ParallelSplit::of(4, 1, false)).tp, 4);
  EXPECT_EQ(experts(ParallelSplit::of(4, 1, true)).ep, 4);
  EXPECT_EQ(experts(ParallelSplit::of(1, 4, true)).tokens, 4 * 642)
      << "all ranks' tokens enter the layer";
}

TEST(StepModel, GptOssRunsWindowsAndFourBitExperts) {
  StepOptions options;
  options.graph_sizes = default_graph_sizes(1024);
  const StepModel model = model_of("openai/gpt-oss-120b", {}, options);
  std::map<std::int64_t, std::int64_t> layers_by_window;
  for (const TimedOperation& op : model.operations(kMixed)) {
    if (const auto* attention = std::get_if<GenerationAttention>(&op.operation)) {
      layers_by_window[attention->heads.window] += op.times;
    }
    if (const auto* experts = std::get_if<GroupedExperts>(&op.operation)) {
      EXPECT_EQ(experts->precision, Precision::mxfp4);
      EXPECT_EQ(experts->tokens, 656) << "padded to the graph";
    }
  }
  EXPECT_EQ(layers_by_window, (std::map<std::int64_t, std::int64_t>{{0, 18}, {128, 18}}));
}

/// Squared ReLU needs no gate.
TEST(StepModel, ExpertsHaveAsManyMatricesAsTheModel) {
  ModelDescription model = shipped("Qwen/Qwen3-235B-A22B");
  for (const bool gated : {true, false}) {
    for (LayerGroup& group : model.layers) {
      if (auto* mlp = std::get_if<ExpertMlp>(&group.kind.feed_forward)) {
        mlp->gated = gated;
      }
    }
    const auto ops = by_name(
        StepModel{model, {}, {}, std::make_shared<testing::FakeTimes>()}.operations(kMixed));
    EXPECT_EQ(std::get<GroupedExperts>(ops.at("experts").operation).gated, gated);
  }
}

// Other dimensions than those that the whole block was measured with.
TEST(StepModel, LatentAttentionAbsorbsForDecodesAndUnfoldsForPrompts) {
  ModelDescription description = shipped("deepseek-ai/DeepSeek-V3");
  description.hidden = 5120;
  const StepModel model(description, ParallelSplit::of(8, 1, false), {},
                        std::make_shared<testing::FakeTimes>());
  const auto decodes = by_name(model.operations({{}, 16, 16 * 100}));
  EXPECT_TRUE(decodes.contains("absorbed projections"));
  EXPECT_FALSE(decodes.contains("kv up projection"));
  const auto prompts = by_name(model.operations({{{256, 64, true}}, 0, 0}));
  EXPECT_EQ(std::get<Gemm>(prompts.at("kv up projection").operation).m, 320);
  EXPECT_EQ(std::get<Gemm>(prompts.at("q/kv down projection").operation).n, 1536 + 576)
      << "not split over ranks";
  EXPECT_EQ(prompts.at("shared down projection").times, 58);
  EXPECT_EQ(prompts.at("down projection").times, 3);
}

TEST(StepModel, DeepSeeksAttentionBlockIsPricedWhole) {
  const auto ops = by_name(
      model_of("deepseek-ai/DeepSeek-V3", ParallelSplit::of(8, 1, false)).operations(kMixed));
  EXPECT_EQ(ops.at("latent attention block, prompts").times, 61);
  const auto& decodes = std::get<LatentModule>(ops.at("latent attention block, decodes").operation);
  EXPECT_EQ(decodes.shape.heads, 16);
  EXPECT_EQ(decodes.shape.cached_tokens, 999);
  EXPECT_FALSE(ops.contains("q up projection"));
}

TEST(StepModel, MiniMaxNormsOverAllHeadsOfAllRanks) {
  const auto ops = by_name(
      model_of("MiniMaxAI/MiniMax-M2.5", ParallelSplit::of(4, 1, false)).operations(kMixed));
  EXPECT_EQ(ops.at("q/k norm all-reduce").times, 62) << "one call for q and k";
  EXPECT_EQ(std::get<Gemm>(ops.at("router").operation).k, 2 * 3072) << "float32 weights";
}

TEST(StepModel, OnlySmallAllReducesNorm) {
  StepOptions options;
  options.fused_all_reduce_norm = true;
  const auto norms = [&](std::int64_t tokens) {
    const auto ops =
        by_name(model_of("meta-llama/Llama-3.1-70B", ParallelSplit::of(8, 1, false), options)
                    .operations({{{tokens, 0, true}}, 0, 0}));
    return ops.count("input norm");
  };
  EXPECT_EQ(norms(32), 0U) << "512 KiB";
  EXPECT_EQ(norms(33), 1U);
}

TEST(StepModel, CountsTheKernelsThatTheHostLaunches) {
  // A layer: 2 norms, 4 products, rotary, activation, cache write, attention; then embedding, norm,
  // head and sampling.
  EXPECT_EQ(model_of("Qwen/Qwen3-8B").kernels(600), 36 * 10 + 4);
  StepOptions one;
  one.expert_kernels = 1;
  const StepModel many = model_of("Qwen/Qwen3-235B-A22B");
  const StepModel single = model_of("Qwen/Qwen3-235B-A22B", {}, one);
  EXPECT_EQ(many.kernels(600) - single.kernels(600), 94 * 7);
}

TEST(StepModel, QuickSumEqualsTheList) {
  for (const char* name : {"Qwen/Qwen3-8B", "openai/gpt-oss-20b", "deepseek-ai/DeepSeek-V3"}) {
    StepOptions options;
    options.graph_sizes = default_graph_sizes(512);
    StepModel model = model_of(name, ParallelSplit::of(2, 1, false), options);
    for (const StepBatch& batch :
         {kMixed, StepBatch{{}, 7, 7000}, StepBatch{{{64, 0, false}}, 0, 0}}) {
      double sum = 0;
      for (const TimedOperation& op : model.operations(batch)) {
        sum += op.micros();
      }
      EXPECT_NEAR(model.micros(batch), sum, 1e-6) << name;
      EXPECT_NEAR(model.micros(batch), sum, 1e-6) << name << ", remembered";
    }
  }
}

/// Attention of the decodes of a step, in one layer.
double decodes_beside_prompt(const std::string& model, std::int64_t decodes, std::int64_t context) {
  StepOptions options;
  options.one_attention_kernel = true;
  const StepModel steps(
      shipped(model), {}, options,
      analytic_operations_for(GpuCatalog({testing::source_dir() / "hardware"}).find("RTXPRO6000")));
  const auto list = by_name(steps.operations({{{512, 0, true}}, decodes, decodes * (context + 1)}));
  EXPECT_FALSE(list.contains("attention, decodes"));
  return list.at("attention, decodes beside prompts").each.micros;
}

TEST(StepModel, OneAttentionKernelSpendsATileOnEveryDecodeAndQueryHead) {
  // 64 query heads for 8 key heads take twice as long as 32 for 8; alone they would not.
  const double llama = decodes_beside_prompt("meta-llama/Llama-3.1-8B", 32, 1024);
  EXPECT_NEAR(decodes_beside_prompt("Qwen/Qwen3-32B", 32, 1024), 2 * llama, 0.25 * llama);
  EXPECT_NEAR(decodes_beside_prompt("meta-llama/Llama-3.1-8B", 64, 1024), 2 * llama, 0.25 * llama);
  // Bundle of vLLM 0.19 on RTX PRO 6000: 512 prompt tokens with 32 decodes less 512 without.
  EXPECT_NEAR(llama, 159, 32);
  EXPECT_NEAR(decodes_beside_prompt("Qwen/Qwen3-32B", 128, 1024), 1313, 260);
  EXPECT_TRUE(attends_in_one_kernel("A100"));
  EXPECT_FALSE(attends_in_one_kernel("H100"));
  EXPECT_FALSE(attends_in_one_kernel("B200"));
}

TEST(StepModel, DecodesAloneKeepTheirKernel) {
  StepOptions options;
  options.one_attention_kernel = true;
  const StepModel steps = model_of("meta-llama/Llama-3.1-8B", {}, options);
  EXPECT_TRUE(by_name(steps.operations({{}, 8, 8000})).contains("attention, decodes"));
}

double router_micros(double float32_tflops, std::int64_t tokens) {
  StepOptions options;
  options.float32_tflops = float32_tflops;
  const StepModel model = model_of("MiniMaxAI/MiniMax-M2.5", {}, options);
  for (const TimedOperation& operation : model.operations({{{tokens, 0, true}}, 0, 0})) {
    if (operation.name == "router") {
      return operation.each.micros;
    }
  }
  return 0;
}

// 2 x 8192 x 256 x 3072 operations at four fifths of 50 TFLOP/s, and a microsecond for the data.
TEST(StepModel, Float32RoutersRunOnPlainCores) {
  EXPECT_NEAR(router_micros(50, 8192), 1 + 2.0 * 8192 * 256 * 3072 / 40e6, 1e-6);
  EXPECT_NEAR(router_micros(0, 8192), 1 + 8.192, 1e-6) << "on tensor cores";
}

}  // namespace
}  // namespace lockstep
