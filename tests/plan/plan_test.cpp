#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.hpp"
#include "plan/plan_report.hpp"
#include "sweep/described_run.hpp"
#include "sweep/yaml_document.hpp"

namespace lockstep {
namespace {

using ::testing::HasSubstr;
using Fate = PlanRow::Fate;

// Small requests on GPUs of the analytic model, so that a run takes milliseconds.
constexpr const char* kHead = R"(
model: meta-llama/Llama-3.1-8B
flags: {dtype: bfloat16}
workload: {num_reqs: 40, rate: 30, input_toks: 200, output_toks: 12}
hardware:
  - {name: RTX4090, price: 0.4, most_gpus: 8, link_bw: 16, link_latency: 1000}
  - {name: H100, price: 2.5, most_gpus: 4, link_bw: 400, link_latency: 1000}
)";

PlanSpec spec_of(const std::string& more) {
  std::filesystem::current_path(LOCKSTEP_SOURCE_DIR);
  return parse_plan_spec(parse_yaml(kHead + more, "plan.yaml"));
}

std::string refusal(const std::string& more) {
  try {
    (void)spec_of(more);
  } catch (const UserError& error) {
    return error.what();
  }
  return "accepted";
}

/// Every candidate with every seed; the best by the same order, found without any short cut.
PlanRow brute_force(const PlanSpec& spec, SharedInputs& inputs) {
  PlanRow best;
  for (const Shape& shape : all_shapes(spec)) {
    for (const std::int64_t count : spec.space.instances) {
      PlanRow row;
      row.candidate = {shape, count};
      if (row.candidate.gpus() > spec.hardware[shape.hardware].most_gpus) {
        continue;
      }
      row.evaluation = Evaluator(spec, inputs).evaluate(row.candidate, 1.0);
      row.cost = row.candidate.cost(spec);
      row.fate = row.evaluation.holds ? Fate::holds : Fate::fails;
      if (row.evaluation.holds && ranks_before(row, best)) {
        best = row;
      }
    }
  }
  return best;
}

class Plans : public ::testing::TestWithParam<const char*> {};

TEST_P(Plans, FindWhatBruteForceFinds) {
  const PlanSpec spec = spec_of(GetParam());
  SharedInputs inputs;
  PlanOptions options;
  options.workers = 2;
  options.most_rated = 0;
  const PlanResult result = make_plan(spec, inputs, options);
  const PlanRow best = brute_force(spec, inputs);
  if (best.fate != Fate::holds) {
    EXPECT_EQ(result.holding, 0);
    return;
  }
  ASSERT_GT(result.holding, 0);
  EXPECT_EQ(result.rows.front().candidate.text(spec), best.candidate.text(spec));
  EXPECT_EQ(result.rows.front().evaluation.bounds, best.evaluation.bounds);
}

INSTANTIATE_TEST_SUITE_P(
    SmallSpaces, Plans,
    ::testing::Values(
        "slo: {ttft_p99_ms: 100}\nseeds: 2\nsearch: {instances: [1, 2, 3, 4], tp: [1, 2]}\n",
        "slo: {ttft_p99_ms: 60, tpot_p99_ms: 30}\nseeds: 1\n"
        "search: {instances: [1, 2, 4, 8], max_num_seqs: [2, 8], max_num_batched_tokens: [256, "
        "2048]}\n",
        "slo: {goodput: 0.9, ttft_ms: 80, tpot_ms: 25}\nseeds: 2\n"
        "search: {instances: [1, 2, 4], pd: [none, '1:1', '1:2'], kv_cache_dtype: [auto, fp8]}\n",
        "slo: {itl_p99_ms: 16}\nseeds: 1\nsearch: {instances: [1, 4], tp: [1, 2, 4]}\n",
        "slo: {ttft_p99_ms: 1}\nsearch: {instances: [1, 2]}\n"));

TEST(PlanSearch, DoesNotDependOnTheNumberOfWorkersAndRatesTheBest) {
  const PlanSpec spec = spec_of(
      "slo: {ttft_p99_ms: 80}\nseeds: 1\nprecision: 0.2\nsearch: {instances: [1, 2, 4, 8]}\n");
  const auto csv = [&](int workers) {
    SharedInputs inputs;
    PlanOptions options;
    options.workers = workers;
    return plan_csv(spec, make_plan(spec, inputs, options));
  };
  const std::string one = csv(1);
  EXPECT_EQ(one, csv(3));
  SharedInputs inputs;
  const PlanResult result = make_plan(spec, inputs, {});
  ASSERT_GT(result.holding, 0);
  const PlanRow& best = result.rows.front();
  ASSERT_TRUE(best.rate_factor);
  EXPECT_GE(*best.rate_factor, 1);
  EXPECT_TRUE(best.front);
  const Evaluator evaluator(spec, inputs);
  EXPECT_TRUE(evaluator.evaluate(best.candidate, *best.rate_factor).holds);
  EXPECT_FALSE(evaluator.evaluate(best.candidate, *best.rate_factor * 1.2 * 1.001).holds);
  EXPECT_THAT(plan_table(spec, result), HasSubstr("Cheapest: "));
}

TEST(PlanSearch, TellsWhyShapesFallAway) {
  const PlanSpec spec = spec_of(
      "slo: {tpot_p99_ms: 15}\nseeds: 1\nsearch: {instances: [1], tp: [1, 3, 16], pp: [1]}\n");
  SharedInputs inputs;
  PlanOptions options;
  options.most_rated = 0;
  const PlanResult result = make_plan(spec, inputs, options);
  const auto row = [&](const std::string& text) {
    const auto found = std::find_if(result.rows.begin(), result.rows.end(),
                                    [&](const auto& r) { return r.candidate.text(spec) == text; });
    EXPECT_NE(found, result.rows.end()) << text;
    return *found;
  };
  EXPECT_EQ(row("1 x RTX4090 tp16").fate, Fate::too_large);
  EXPECT_EQ(row("1 x RTX4090 tp3").fate, Fate::impossible);
  EXPECT_EQ(row("1 x RTX4090 tp1").fate, Fate::too_slow);  // 16 GB of weights at 1 TB/s
  EXPECT_THAT(row("1 x RTX4090 tp1").evaluation.problem, HasSubstr("tpot_p99_ms"));
  EXPECT_EQ(row("1 x H100 tp1").fate, Fate::holds);
}

TEST(PlanSearch, WhatIsTooSlowAloneFailsUnderLoad) {
  for (const char* limit : {"tpot_p99_ms: 15", "ttft_p99_ms: 20", "itl_p99_ms: 8"}) {
    const PlanSpec spec = spec_of(std::string("slo: {") + limit +
                                  "}\nseeds: 1\nsearch: {instances: [1, 2], tp: [1, 2, 4]}\n");
    SharedInputs inputs;
    const Evaluator evaluator(spec, inputs);
    for (const Shape& shape : all_shapes(spec)) {
      for (const std::int64_t count : spec.space.instances) {
        const Candidate candidate{shape, count};
        if (!evaluator.too_slow_alone(candidate).empty()) {
          EXPECT_FALSE(evaluator.evaluate(candidate, 1.0).holds) << candidate.text(spec);
        }
      }
    }
  }
}

TEST(PlanSpecs, RefuseSlips) {
  EXPECT_THAT(refusal(""), HasSubstr("slo"));
  EXPECT_THAT(refusal("slo: {}\n"), HasSubstr("at least one limit"));
  EXPECT_THAT(refusal("slo: {ttft_ms: 5}\n"), HasSubstr("belong together"));
  EXPECT_THAT(refusal("slo: {goodput: 0.9}\n"), HasSubstr("belong together"));
  EXPECT_THAT(refusal("slo: {goodput: 9, ttft_ms: 1}\n"), HasSubstr("share"));
  EXPECT_THAT(refusal("slo: {ttft_p99_ms: 5}\nsearch: {tp: []}\n"), HasSubstr("no values"));
  EXPECT_THAT(refusal("slo: {ttft_p99_ms: 5}\nsearch: {tb: [1]}\n"), HasSubstr("'tp'"));
  EXPECT_THAT(refusal("slo: {ttft_p99_ms: 5}\nsearch: {pd: ['1:0']}\n"), HasSubstr("no split"));
  EXPECT_THAT(refusal("slo: {ttft_p99_ms: 5}\nseeds: 0\n"), HasSubstr("seeds"));
}

TEST(PlanCluster, FillsNodesAndNamesGroups) {
  const PlanSpec spec =
      spec_of("slo: {ttft_p99_ms: 5}\nsearch: {tp: [2], dp: [2], ep: [all], pd: ['1:2']}\n");
  const Candidate candidate{all_shapes(spec)[0], 1};
  EXPECT_EQ(candidate.gpus(), 12);
  const auto root = cluster_of(spec, candidate).root;
  ASSERT_EQ(root["nodes"].size(), 2U);  // 12 GPUs, 8 a node
  EXPECT_EQ(root["nodes"][0]["num_instances"], 4);
  EXPECT_EQ(root["nodes"][1]["num_instances"], 2);
  EXPECT_EQ(root["nodes"][0]["instances"][0]["pd_type"], "prefill");
  EXPECT_EQ(root["nodes"][0]["instances"][2]["pd_type"], "decode");
  EXPECT_EQ(root["nodes"][0]["instances"][0]["dp_group"], "g0.0");
  EXPECT_EQ(root["nodes"][1]["instances"][1]["dp_group"], "g1.1");
  EXPECT_EQ(root["nodes"][0]["instances"][0]["ep_size"], 4);
}

TEST(Confidence, IsStudentsOneSidedBound) {
  EXPECT_DOUBLE_EQ(upper_bound({5}), 5);
  EXPECT_DOUBLE_EQ(upper_bound({5, 5, 5}), 5);
  // Mean 2, deviation 1, n = 3: 2 + 2.920 / sqrt(3).
  EXPECT_NEAR(upper_bound({1, 2, 3}), 2 + 2.920 / std::sqrt(3.0), 1e-12);
}

}  // namespace
}  // namespace lockstep
