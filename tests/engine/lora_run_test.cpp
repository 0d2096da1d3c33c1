// Whole runs with adapters of low rank.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <deque>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "engine/quiet_run.hpp"
#include "iteration/lora_times.hpp"

namespace lockstep::testing {
namespace {

RunOptions with_adapters(std::int64_t most, std::int64_t rank = 16, double load = 0,
                         Fidelity fidelity = Fidelity::vllm) {
  RunOptions options = options_for(fidelity, true);
  options.features.lora = {most, rank, load};
  return options;
}

/// `adapters` in turn over requests that arrive together.
Calls calls_of(const std::vector<std::int32_t>& adapters, std::int64_t input = 64,
               std::int64_t output = 20, std::int64_t gap = 0) {
  Workload workload;
  for (std::size_t i = 0; i < adapters.size(); ++i) {
    WorkloadRequest& request = workload.requests.emplace_back();
    request.id = static_cast<std::int64_t>(i);
    request.input_toks = input;
    request.output_toks = output;
    request.arrival = Nanos{gap * static_cast<std::int64_t>(i)};
    request.lora = adapters[i];
  }
  workload.loras = {"a", "b", "c", "d"};
  return Calls(std::move(workload));
}

/// But for the memory, which the number of blocks says here.
RC_GTEST_PROP(LoraRun, WithoutAnyInTheRequestsNothingChanges, ()) {
  const ToyCluster toy = testing::random_cluster();
  const Calls calls = testing::random_calls(*rc::gen::element(false, true));
  RunOptions without = options_for(*rc::gen::element(Fidelity::reference, Fidelity::vllm), true);
  without.num_gpu_blocks_override = 400;
  RunOptions with = without;
  with.features.lora = {2, 64, 5};
  QuietRun want;
  try {
    want = quiet_run(toy, calls, without);
  } catch (const UserError&) {
    RC_DISCARD("the model or a request has no room");
  }
  RC_ASSERT(quiet_run(toy, calls, with).told == want.told);
}

TEST(LoraRun, OfRankZeroNothingChanges) {
  const ToyCluster toy(1, replica_of("toy/dense"));
  RunOptions options = with_adapters(4, 0, 5);
  options.enable_prefix_caching = false;
  EXPECT_EQ(results(run_toy(toy, calls_of({0, 1, 2, 3}), options)),
            results(run_toy(toy, calls_of({-1, -1, -1, -1}), options)));
}

/// A step is longer by the two products beside each layer, and the first one by the load.
TEST(LoraRun, StepsAreLongerByTheProducts) {
  for (const int tp : {1, 2}) {
    for (const char* name : {"toy/dense", "toy/moe"}) {
      const ToyCluster toy(1, replica_of(name, tp));
      RunOptions options = with_adapters(3, 16, 0.5);
      options.engine_terms = EngineTerms::none();
      const Cluster cluster = parse_cluster(toy.json(), "toy.json", options, ToyModels::paths());
      const Instance& instance = cluster.instances.front();
      GpuCatalog gpus;
      const LoraTimes times = *lora_times_of(instance, gpus);
      const auto extra = [&](const AdaptedTokens& step) {
        Nanos sum = times.time(Layer::qkv_proj, step) + times.time(Layer::o_proj, step);
        if (!instance.model->has_experts()) {
          sum += times.time(Layer::gate_up_proj, step) + times.time(Layer::down_proj, step);
        }
        return sum * instance.model->num_hidden_layers;
      };
      const std::vector<Request> with = run_toy(toy, calls_of({0, 1, 0, -1}), options).by_id();
      const std::vector<Request> without =
          run_toy(toy, calls_of({-1, -1, -1, -1}), options).by_id();
      EXPECT_GT(times.load_time(), Nanos{0});
      EXPECT_EQ(with[3].ttft - without[3].ttft, extra({3 * 64, 2}) + times.load_time() * 2);
      for (std::size_t i = 0; i < with[0].itl.size(); ++i) {
        EXPECT_EQ(with[0].itl[i] - without[0].itl[i], extra({3, 2}));
      }
    }
  }
}

TEST(LoraRun, WhatIsOnTheNpuIsNotLoadedAgain) {
  LoraSlots slots(2);
  std::deque<Request> requests;
  std::vector<BatchEntry> entries;
  const auto step = [&](const std::vector<std::int32_t>& adapters) {
    entries.clear();
    for (const std::int32_t adapter : adapters) {
      Request& request = requests.emplace_back();
      request.lora = adapter;
      entries.push_back({&request, 1, 0});
    }
    return slots.take(entries);
  };
  EXPECT_EQ(step({0, 0, 1, -1}), 2);
  EXPECT_EQ(step({1, 0}), 0);
  EXPECT_EQ(step({2}), 1) << "in the place of 1, which was used longest ago";
  EXPECT_EQ(step({0, 2}), 0);
  EXPECT_EQ(step({1}), 1);
}

/// Memory or compute, whichever is longer.
TEST(LoraTimes, AreThoseOfTheDatasheet) {
  GpuFacts gpu;
  gpu.bandwidth = 1000;              // GB/s: bytes a ns
  gpu.peak_tflops.fill(100);         // 1e5 FLOP a ns
  gpu.coefficients.gemm_launch = 2;  // us
  Instance instance;
  auto model = std::make_shared<ModelConfig>();
  model->hidden_size = 4096;
  model->num_attention_heads = 32;
  model->num_key_value_heads = 8;
  model->head_dim = 128;
  model->intermediate_size = 14336;
  model->num_hidden_layers = 32;
  instance.model = model;
  instance.features.lora = {2, 64, 10};
  const LoraTimes times(gpu, instance);
  EXPECT_EQ(times.time(Layer::o_proj, {}), Nanos{0});
  EXPECT_EQ(times.time(Layer::attention, {5, 1}), Nanos{0});
  // One token, two adapters: shrink 2*4096 + 2*2*4096*64 + 4*64 bytes; expand 4*64 + 2*2*64*4096 +
  // 4*4096.
  EXPECT_EQ(times.time(Layer::o_proj, {1, 2}), Nanos{4000 + 1057 + 1065});
  // Of 200000 tokens: shrink 2*n*4096*64 FLOP in 1049 us against 1690 us for its bytes.
  const std::int64_t n = 200'000;
  const std::int64_t shrink = (2 * n * 4096 + 2 * 4096 * 64 + 4 * n * 64) / 1000;
  const std::int64_t expand = (4 * n * 64 + 2 * 64 * 4096 + 4 * n * 4096) / 1000;
  EXPECT_NEAR(static_cast<double>(times.time(Layer::o_proj, {n, 1}).count()),
              static_cast<double>(4000 + shrink + expand), 2);
  gpu.peak_tflops.fill(1);
  EXPECT_NEAR(static_cast<double>(LoraTimes(gpu, instance).time(Layer::o_proj, {n, 1}).count()),
              4000 + 2 * (2.0 * static_cast<double>(n) * 4096 * 64 / 1000), 2);
}

TEST(LoraRun, OneAtATimeTakesTurns) {
  const ToyCluster toy(1, replica_of("toy/dense"));
  const auto served = [&](std::int64_t most) {
    return run_toy(toy, calls_of({0, 1}), with_adapters(most)).by_id();
  };
  const auto apart = served(1);
  EXPECT_GE(apart[1].arrival + apart[1].queuing_delay, apart[0].end_time - apart[0].itl.back() * 2)
      << "but for steps that are put together ahead";
  const auto together = served(2);
  EXPECT_EQ(together[1].queuing_delay, together[0].queuing_delay);
}

TEST(LoraRun, EveryPlanIsSound) {
  for (const Fidelity fidelity : {Fidelity::reference, Fidelity::vllm}) {
    for (const std::string plan : {"pd", "group", "pipeline"}) {
      const bool pipeline = plan == "pipeline";
      const int experts = plan == "group" ? 2 : 1;
      ToyCluster toy(pipeline ? 1 : 2, replica_of("toy/moe", 1, pipeline ? 2 : 1, experts));
      if (plan == "pd") {
        toy.replicas[0].pd = "prefill";
        toy.replicas[1].pd = "decode";
      } else if (plan == "group") {
        toy.replicas[0].group = toy.replicas[1].group = "A";
      }
      const Calls calls = calls_of({0, 1, 2, 3, 0, -1, 2, 1}, 100, 12, 30'000);
      const RunOptions options = with_adapters(2, 16, 1, fidelity);
      SCOPED_TRACE(plan);
      const Outcome outcome = run_toy(toy, calls, options);
      if (fidelity == Fidelity::vllm) {
        expect_sound(outcome, calls);
      } else {
        EXPECT_EQ(outcome.by_id().size(), calls.workload().requests.size());
      }
      EXPECT_EQ(results(outcome), results(run_toy(toy, calls, options)));
    }
  }
}

TEST(LoraRun, AnAdapterNeedsItsPlace) {
  const ToyCluster toy(1, replica_of("toy/dense"));
  EXPECT_THROW(run_toy(toy, calls_of({0}), options_for(Fidelity::vllm, true)), UserError);
}

}  // namespace
}  // namespace lockstep::testing
