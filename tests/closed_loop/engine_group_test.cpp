// Data-parallel engines behind one address: each on its own, or in step where experts are shared.
#include "closed_loop/engine_group.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "closed_loop/point_setup.hpp"
#include "model/description/read_description.hpp"
#include "reference_data.hpp"
#include "steps/fake_times.hpp"

namespace lockstep {
namespace {

constexpr const char* kDense = "Qwen/Qwen3-8B";
constexpr const char* kExperts = "Qwen/Qwen3-30B-A3B-Instruct-2507";

StepModel step_model(const std::string& name, std::int64_t engines) {
  StepOptions options;
  options.graph_sizes = default_graph_sizes(512);
  return {find_description({testing::source_dir() / "configs" / "model"}, name),
          ParallelSplit::of(1, engines, true), options, std::make_shared<testing::FakeTimes>()};
}

ServerSettings busy_server() {
  ServerSettings settings;
  settings.kv_blocks = 10'000;
  return settings;
}

ServerSettings without_host() {
  ServerSettings settings = busy_server();
  for (const HostCostField& field : host_cost_fields()) {
    settings.host.*field.member = 0;
  }
  return settings;
}

double group_micros(StepModel& model, const StepBatch& one, const StepBatch& other) {
  const StepBatch* const both[] = {&one, &other};
  return model.group_micros(both);
}

TEST(GroupSteps, ArePaddedToTheLargestAndWaitForTheLongest) {
  StepModel model = step_model(kExperts, 2);
  const StepBatch prompt{{{300, 0, true}}, 0, 0};
  const StepBatch decodes{{}, 4, 400'000};
  const StepBatch dummy;
  EXPECT_DOUBLE_EQ(group_micros(model, prompt, dummy), model.micros(prompt));
  EXPECT_DOUBLE_EQ(group_micros(model, dummy, prompt), model.micros(prompt));
  const double both = group_micros(model, prompt, decodes);
  EXPECT_GT(both, model.micros(prompt)) << "the decodes attend longer";
  EXPECT_GT(both, model.micros(decodes)) << "padded to 304 tokens";
}

TEST(ClosedLoop, AnIdleRankOfSharedExpertsRunsADummy) {
  StepModel model = step_model(kExperts, 2);
  const auto result = run_closed_loop(model, without_host(), {.concurrency = 1}, {{200, 3}});
  const StepBatch dummy;
  const double first = group_micros(model, {{{200, 0, true}}, 0, 0}, dummy);
  const double others = group_micros(model, {{}, 1, 201}, dummy) +  //
                        group_micros(model, {{}, 1, 202}, dummy);
  EXPECT_EQ(result.steps, 3);
  EXPECT_NEAR(result.requests[0].ttft, first / 1e3, 1e-5);
  EXPECT_NEAR(result.requests[0].tpot, others / 2 / 1e3, 1e-5);
}

/// The short request's time of its own tokens, beside a long prompt that another engine has.
double tpot_beside_a_long_prompt(const std::string& name) {
  StepModel model = step_model(name, 2);
  const auto result =
      run_closed_loop(model, without_host(), {.concurrency = 2}, {{8'000, 2}, {16, 2}});
  return result.requests[1].tpot;
}

TEST(ClosedLoop, OnlyEnginesThatShareExpertsWaitForEachOther) {
  StepModel dense = step_model(kDense, 2);
  EXPECT_NEAR(tpot_beside_a_long_prompt(kDense), dense.micros({{}, 1, 17}) / 1e3, 1e-5);
  StepModel experts = step_model(kExperts, 2);
  const StepBatch one{{}, 1, 17};
  const StepBatch other{{}, 1, 8'001};
  EXPECT_NEAR(tpot_beside_a_long_prompt(kExperts), group_micros(experts, one, other) / 1e3, 1e-5);
  const auto result =
      run_closed_loop(experts, without_host(), {.concurrency = 2}, {{8'000, 2}, {16, 2}});
  EXPECT_DOUBLE_EQ(result.requests[0].ttft, result.requests[1].ttft) << "one wave";
}

// With lengths that are all alike, two engines with twice the clients are one engine, twice.
TEST(ClosedLoop, TwoDenseEnginesAreOneTwice) {
  StepModel pair = step_model(kDense, 2);
  StepModel single = step_model(kDense, 1);
  const auto twice =
      run_closed_loop(pair, busy_server(), {.concurrency = 8}, draw_lengths(40, 300, 20, 1.0, 0));
  const auto once =
      run_closed_loop(single, busy_server(), {.concurrency = 4}, draw_lengths(20, 300, 20, 1.0, 0));
  for (std::size_t i = 0; i < twice.requests.size(); ++i) {
    EXPECT_DOUBLE_EQ(twice.requests[i].ttft, once.requests[i / 2].ttft) << i;
    EXPECT_DOUBLE_EQ(twice.requests[i].end, once.requests[i / 2].end) << i;
  }
  EXPECT_EQ(twice.steps, 2 * once.steps);
}

RC_GTEST_PROP(ClosedLoop, EnginesLoseNoRequestAndKeepTheLimit, ()) {
  const auto engines = *rc::gen::inRange<std::int64_t>(1, 5);
  const auto concurrency = *rc::gen::inRange<std::int64_t>(1, 12);
  const auto count = *rc::gen::inRange<std::int64_t>(1, 30);
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  StepModel model = step_model(*rc::gen::element(kDense, kExperts), engines);
  ServerSettings settings = busy_server();
  settings.async_scheduling = *rc::gen::arbitrary<bool>();
  settings.kv_blocks = *rc::gen::inRange<std::int64_t>(60, 200);
  const auto lengths = draw_lengths(count, 400, 40, 0.1, seed);
  const ClientSettings client{.concurrency = concurrency, .seed = seed};
  const auto result = run_closed_loop(model, settings, client, lengths);
  RC_ASSERT(std::ssize(result.requests) == count);
  for (const RequestTimes& a : result.requests) {
    RC_ASSERT(a.ttft > 0);
    RC_ASSERT(a.end + 1e-9 >= a.sent + a.ttft);
    const auto in_flight = std::ranges::count_if(result.requests, [&](const RequestTimes& b) {
      return b.sent <= a.sent && a.sent < b.end - 1e-6;
    });
    RC_ASSERT(in_flight <= concurrency);
  }
  const auto again = run_closed_loop(model, settings, client, lengths);
  RC_ASSERT(again.duration == result.duration);
  RC_ASSERT(again.steps == result.steps);
}

TEST(PointSetup, AttentionRanksOfAPointShareItsExperts) {
  MeasuredPoint point;
  point.model = kExperts;
  point.precision = "bf16";
  point.gpu = "h200_sxm";
  point.engine_version = "0.18.0";
  point.input = point.output = 1024;
  point.concurrency = 64;
  point.attention_dp = point.moe_ep = 4;
  const PointSetup setup = set_up_point(point, {}, {testing::source_dir() / "configs" / "model"});
  EXPECT_EQ(setup.split.attention_dp, 4);
  EXPECT_EQ(setup.split.moe_ep, 4);
  EXPECT_EQ(setup.split.tp, 1);
  EXPECT_EQ(setup.split.ranks(), 4);
}

}  // namespace
}  // namespace lockstep
