// Whole runs of described models: any family, alone, on several ranks, in a group.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/run_setup.hpp"
#include "engine/simulation.hpp"
#include "reference_data.hpp"

namespace lockstep::testing {
namespace {

using Json = nlohmann::json;

struct Plan {
  std::string model;
  int tp = 1, ep = 1, replicas = 1;
  bool group = false;
  std::string hardware = "B200";
  double link = 838;
};

std::string cluster_json(const Plan& plan) {
  Json instance{{"model_name", plan.model},
                {"hardware", plan.hardware},
                {"npu_mem", {{"mem_size", 180}, {"mem_bw", 8000}, {"mem_latency", 0}}},
                {"pd_type", nullptr},
                {"tp_size", plan.tp},
                {"ep_size", plan.ep}};
  if (plan.group) {
    instance["dp_group"] = "A";
  }
  const Json node{
      {"num_instances", plan.replicas},
      {"cpu_mem", {{"mem_size", 512}, {"mem_bw", 256}, {"mem_latency", 0}}},
      {"instances", std::vector<Json>(static_cast<std::size_t>(plan.replicas), instance)}};
  return Json{{"num_nodes", 1},
              {"link_bw", plan.link},
              {"link_latency", plan.link < 100 ? 20'000 : 500},
              {"nodes", {node}}}
      .dump();
}

WorkloadRecipe recipe() {
  WorkloadRecipe recipe;
  recipe.generator.num_requests = 24;
  recipe.generator.arrivals.rate = 20;
  recipe.generator.seed = 3;
  return recipe;
}

struct Outcome {
  std::string told;
  RunResult result;
  double mean_gap_ms = 0;  ///< between tokens
};

Outcome run(const Plan& plan, bool fold = true, const EngineTerms& terms = EngineTerms::all()) {
  RunOptions options;
  options.fidelity = Fidelity::vllm;
  options.fold_layers = fold;
  options.engine_terms = terms;
  options.model_dir = (source_dir() / "configs" / "model").string();
  options.dataset = "generated";
  InlineInputs inputs;
  inputs.cluster = cluster_json(plan);
  inputs.recipe = recipe();
  RunSetup setup = load_run(options, inputs);
  KernelTimeLibrary library(setup.perf);
  RunObserver nobody;
  Simulation simulation(setup.cluster, options, &*setup.workload, library, nobody);
  Outcome outcome;
  outcome.result = simulation.run();
  double gaps = 0;
  double tokens = 0;
  for (const auto& list : outcome.result.done) {
    for (const Request* request : list) {
      outcome.told +=
          fmt::format("{} {} {}\n", request->id, request->ttft.count(), request->end_time.count());
      for (const Nanos gap : request->itl) {
        gaps += static_cast<double>(gap.count()) / 1e6;
        tokens += 1;
      }
    }
  }
  outcome.told += fmt::format("{} {}\n", outcome.result.steps, outcome.result.generated_tokens);
  for (const std::int64_t count : outcome.result.lookups.by_source) {
    outcome.told += fmt::format("{} ", count);
  }
  outcome.mean_gap_ms = gaps / tokens;
  return outcome;
}

class DescribedRun : public ::testing::TestWithParam<Plan> {};

TEST_P(DescribedRun, LeavesNothingOutThatAnybodySees) {
  const Outcome quick = run(GetParam());
  EXPECT_EQ(quick.result.requests, 24);
  EXPECT_EQ(quick.told, run(GetParam(), false).told);
  EXPECT_GT(quick.mean_gap_ms, 1.2) << "the engine's own work";
  EXPECT_LT(quick.mean_gap_ms, 60);
}

INSTANTIATE_TEST_SUITE_P(
    Plans, DescribedRun,
    ::testing::Values(Plan{"openai/gpt-oss-20b"}, Plan{"openai/gpt-oss-120b", 4, 1},
                      Plan{"openai/gpt-oss-120b", 4, 4}, Plan{"nvidia/Kimi-K2.5-NVFP4", 8, 8},
                      Plan{"Qwen/Qwen3-32B-FP8", 2, 1, 2}, Plan{"MiniMaxAI/MiniMax-M2.5", 2, 2, 1},
                      Plan{"deepseek-ai/DeepSeek-V3", 1, 8, 8, true},
                      Plan{"openai/gpt-oss-120b", 2, 4, 2, true}));

TEST(DescribedRuns, ShortStepsTakeTheEnginesOwnTime) {
  // A step of a few sequences of this model takes less than the 1.2 ms of the engine's work.
  EngineTerms alone = EngineTerms::all();
  alone.host_launches = false;
  const double hidden = run({"openai/gpt-oss-20b", 8, 1}, true, alone).mean_gap_ms;
  const double all = run({"openai/gpt-oss-20b", 8, 1}).mean_gap_ms;
  EXPECT_GT(all, hidden + 0.149) << "at least the gap between steps";
  EngineTerms in_turn = EngineTerms::all();
  in_turn.async_scheduling = false;
  EXPECT_GT(run({"openai/gpt-oss-20b", 8, 1}, true, in_turn).mean_gap_ms, all + 1);
}

TEST(DescribedRuns, ReplicasWaitForTheirExchange) {
  // Two GPUs a group; over a link of 16 GB/s and 20 us 48 exchanges a step take a millisecond.
  const Plan near{"openai/gpt-oss-20b", 1, 2, 2, true};
  Plan far = near;
  far.link = 16;
  EXPECT_GT(run(far).mean_gap_ms, run(near).mean_gap_ms + 0.5);
}

TEST(DescribedRuns, MoreRanksAreFaster) {
  const double one = run({"Qwen/Qwen3-32B-FP8", 1}).mean_gap_ms;
  EXPECT_LT(run({"Qwen/Qwen3-32B-FP8", 4}).mean_gap_ms, 0.8 * one);
}

}  // namespace
}  // namespace lockstep::testing
