// Steps of described models as rows: the operations of the step model, in the order of its layers.
#include "iteration/described_steps.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "iteration/trace_stretch.hpp"
#include "model/description/plain_config.hpp"
#include "model/description/read_description.hpp"
#include "reference_data.hpp"
#include "steps/fake_times.hpp"
#include "steps/step_model.hpp"

namespace lockstep::testing {
namespace {

using ::testing::ElementsAre;

Instance instance_of(const std::string& model, std::int64_t tp, std::int64_t ep_total) {
  Instance instance;
  instance.description = std::make_shared<const ModelDescription>(
      find_description({source_dir() / "configs" / "model"}, model));
  instance.model = std::make_shared<const ModelConfig>(plain_config(*instance.description));
  instance.tp = instance.num_npus = tp;
  instance.ep_total = ep_total;
  instance.local_ep = std::min(tp, ep_total);
  return instance;
}

/// Two prompts, the second behind 256 tokens, and thirty decodes of 1000 tokens each.
struct MixedBatch {
  MixedBatch() {
    requests.resize(32);
    batch.entries.push_back({&requests[0], 100, 0});
    batch.entries.push_back({&requests[1], 512, 256});
    batch.num_prefill = 2;
    for (std::size_t i = 2; i < requests.size(); ++i) {
      batch.entries.push_back({&requests[i], 1, 999});
      ++batch.num_decode;
    }
    batch.total_len = 642;
  }
  std::vector<Request> requests;
  Batch batch;
};

IterationTrace built(const Instance& instance, const Batch& batch, bool measured = true) {
  DescribedSteps steps(instance, std::make_shared<FakeTimes>(), {{}, measured});
  IterationTrace trace;
  steps.build(batch, trace, nullptr);
  return trace;
}

Nanos collectives(const IterationTrace& trace) {
  Nanos sum;
  for (const TraceSegment& segment : trace.segments) {
    for (const TraceRow& row : segment.rows) {
      sum += row.comm_time * segment.repeat;
    }
  }
  return sum;
}

std::vector<std::string> names(const TraceSegment& segment) {
  std::vector<std::string> list;
  for (const TraceRow& row : segment.rows) {
    std::string name(row.name);
    list.push_back(name + (row.comm != CollectiveKind::none ? " +" : ""));
  }
  return list;
}

class EveryFamily : public ::testing::TestWithParam<const char*> {};

TEST_P(EveryFamily, TakesAsLongAsItsOperations) {
  for (const std::int64_t tp : {1, 8}) {
    const Instance instance = instance_of(GetParam(), tp, 1);
    MixedBatch mixed;
    const IterationTrace trace = built(instance, mixed.batch);
    const StepModel model(*instance.description, instance.split(), {},
                          std::make_shared<FakeTimes>());
    double micros = 0;
    for (const TimedOperation& operation :
         model.operations({{{100, 0, true}, {512, 256, true}}, 30, 30'000})) {
      micros += operation.micros();
    }
    const double rows = static_cast<double>((compute_time(trace) + collectives(trace)).count());
    // Rows are whole nanoseconds, and a collective that waits for none has a row of one.
    EXPECT_NEAR(rows / 1e3, micros, 1e-3 * static_cast<double>(trace.num_rows())) << tp;
  }
}

INSTANTIATE_TEST_SUITE_P(Shipped, EveryFamily,
                         ::testing::Values("openai/gpt-oss-120b", "deepseek-ai/DeepSeek-V3",
                                           "Qwen/Qwen3-32B-FP8", "MiniMaxAI/MiniMax-M2.5",
                                           "nvidia/Kimi-K2.5-NVFP4",
                                           "Qwen/Qwen3-30B-A3B-Instruct-2507"));

TEST(DescribedSteps, LaysALayerOutInItsOrder) {
  MixedBatch mixed;
  const IterationTrace trace = built(instance_of("Qwen/Qwen3-32B-FP8", 2, 1), mixed.batch);
  ASSERT_EQ(trace.segments.size(), 3U);
  EXPECT_THAT(names(trace.segments[0]), ElementsAre("embedding +"));
  EXPECT_EQ(trace.segments[1].repeat, 64);
  EXPECT_THAT(
      names(trace.segments[1]),
      ElementsAre("input_norm", "qkv_projection", "q_k_norm_and_rotary", "attention_prompts",
                  "attention_decodes", "output_projection +", "post_attention_norm",
                  "gate_up_projection", "activation", "down_projection +"));
  EXPECT_THAT(names(trace.segments[2]), ElementsAre("final_norm", "output_head +", "sampling"));
}

TEST(DescribedSteps, TheTextFormCanBeReadBack) {
  MixedBatch mixed;
  const IterationTrace trace = built(instance_of("deepseek-ai/DeepSeek-V3", 8, 8), mixed.batch);
  const ParsedTrace parsed = parse_trace(to_text(trace), "text");
  EXPECT_EQ(parsed.trace.num_rows(), trace.num_rows());
  EXPECT_EQ(to_text(parsed.trace), to_text(trace));
}

TEST(DescribedSteps, WhatLooksBackIsOneSumOfTheRows) {
  MixedBatch mixed;
  const Instance instance = instance_of("openai/gpt-oss-20b", 1, 1);
  DescribedSteps steps(instance, std::make_shared<FakeTimes>(), {});
  IterationTrace trace;
  steps.build(mixed.batch, trace, nullptr);
  Nanos sum;
  for (const TraceSegment& segment : trace.segments) {
    for (const TraceRow& row : segment.rows) {
      sum += row.name.starts_with("attention_") ? row.comp_time * segment.repeat : Nanos{0};
    }
  }
  EXPECT_EQ(steps.mixing(shape_of(mixed.batch, false)).time, sum);
  EXPECT_GT(sum, Nanos{0});
}

TEST(DescribedSteps, CollectivesAreMeasuredOrLeftToTheNetwork) {
  MixedBatch mixed;
  const Instance instance = instance_of("openai/gpt-oss-20b", 2, 1);
  EXPECT_EQ(collectives(built(instance, mixed.batch, false)), Nanos{0});
  EXPECT_GT(collectives(built(instance, mixed.batch)), Nanos{0});
  EXPECT_EQ(built(instance, mixed.batch, false).num_rows(),
            built(instance, mixed.batch).num_rows());
}

/// "expert 0 all-gather", "row", ... of a layer's experts.
std::vector<std::string> exchange_of(std::int64_t tp, const Batch& batch) {
  Instance instance = instance_of("openai/gpt-oss-20b", tp, 4 * tp);
  instance.dp_group = 0;
  instance.ep_mask = DimMask::of({true, true});
  instance.tp_mask = DimMask::of({true, false});
  const IterationTrace trace = built(instance, batch);
  std::vector<std::string> list;
  for (const TraceRow& row : trace.segments[1].rows) {
    if (row.kind == RowKind::layer) {
      if (row.name == "expert") {
        list.emplace_back("experts");
      }
      continue;
    }
    list.push_back((row.kind == RowKind::expert ? "rank " + std::to_string(row.index) : "end") +
                   (row.comm == CollectiveKind::none ? "" : " +"));
    if (row.comm != CollectiveKind::none) {
      EXPECT_EQ(row.comm_mask, instance.ep_mask);
      EXPECT_EQ(row.comm_size, Bytes{4LL * 642 * 2880 * 2});
      EXPECT_GT(row.comm_time, Nanos{0});
    }
  }
  return list;
}

TEST(DescribedSteps, ReplicasExchangeTokensAroundTheirExperts) {
  MixedBatch mixed;
  mixed.batch.wave_tokens = 4 * 642;
  EXPECT_THAT(exchange_of(1, mixed.batch), ElementsAre("rank 0 +", "experts", "end +"));
  EXPECT_THAT(exchange_of(2, mixed.batch),
              ElementsAre("rank 0 +", "experts", "rank 1", "experts", "end +"));
}

TEST(DescribedSteps, LaunchesCostTheHostByWhatRunsAsGraph) {
  MixedBatch mixed;
  const Instance instance = instance_of("Qwen/Qwen3-32B-FP8", 1, 1);
  const auto launches = [&](GraphUse graph) {
    mixed.batch.graph = graph;
    const IterationTrace trace = built(instance, mixed.batch);
    Nanos sum;
    for (const TraceSegment& segment : trace.segments) {
      for (const TraceRow& row : segment.rows) {
        EXPECT_GE(row.launch_time, Nanos{0});
        sum += row.launch_time * segment.repeat;
      }
    }
    return sum;
  };
  EXPECT_EQ(launches(GraphUse::full), Nanos{0});
  EXPECT_EQ(launches(GraphUse::pieces), Nanos{64 * 80'000});
  EXPECT_GT(launches(GraphUse::none), Nanos{64 * 10 * 45'000});
}

TEST(DescribedSteps, MeasuredCollectivesNeedTheHardwaresLinks) {
  GpuCatalog gpus({source_dir() / "hardware"});
  Cluster cluster;
  cluster.nodes.resize(2);
  Instance instance = instance_of("openai/gpt-oss-20b", 2, 1);
  instance.hardware = "H100";
  instance.terms = EngineTerms::all();
  const auto measured = [&](double link) {
    cluster.network.bandwidth = {link};
    cluster.instances = {instance, instance};
    return described_settings_of(instance, cluster, gpus)->measured_collectives;
  };
  EXPECT_TRUE(measured(419));
  EXPECT_FALSE(measured(16));
  instance.dp_group = 0;
  cluster.dp_groups = {{"A", {0, 1}}};
  EXPECT_TRUE(measured(419));
  Instance far = instance;
  far.node = 1;
  cluster.network.bandwidth = {419};
  cluster.instances = {instance, far};
  EXPECT_FALSE(described_settings_of(instance, cluster, gpus)->measured_collectives);
  instance.description = nullptr;
  EXPECT_FALSE(described_settings_of(instance, cluster, gpus).has_value());
}

}  // namespace
}  // namespace lockstep::testing
