#include "closed_loop/closed_loop.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.hpp"
#include "closed_loop/hidden_limit.hpp"
#include "closed_loop/latency_summary.hpp"
#include "closed_loop/point_errors.hpp"
#include "model/description/read_description.hpp"
#include "reference_data.hpp"
#include "serving/server_memory.hpp"
#include "steps/fake_times.hpp"

namespace lockstep {
namespace {

ModelDescription shipped(const std::string& name) {
  return find_description({testing::source_dir() / "configs" / "model"}, name);
}

StepModel step_model() {
  StepOptions options;
  options.graph_sizes = default_graph_sizes(512);
  return {shipped("Qwen/Qwen3-8B"), {}, options, std::make_shared<testing::FakeTimes>()};
}

ServerSettings server() {
  ServerSettings settings;
  settings.kv_blocks = 10'000;
  return settings;
}

// The values of NumPy after random.seed(0): randint(0, 10, 5) is 5, 0, 3, 3, 7.
TEST(RequestLengths, AreThoseOfNumPy) {
  const auto lengths = draw_lengths(5, 19, 19, 10.0 / 19, 0);
  EXPECT_EQ(lengths[0].input, 15);
  EXPECT_EQ(lengths[1].input, 10);
  EXPECT_EQ(lengths[2].input, 13);
  EXPECT_EQ(lengths[3].input, 13);
  EXPECT_EQ(lengths[4].input, 17);
}

TEST(RequestLengths, StayInTheirRange) {
  for (const RequestLength& length : draw_lengths(1000, 1024, 128, 0.8, 7)) {
    EXPECT_GE(length.input, 819);
    EXPECT_LE(length.input, 1024);
    EXPECT_GE(length.output, 102);
    EXPECT_LE(length.output, 128);
  }
  EXPECT_EQ(draw_lengths(1, 100, 10, 1.0, 0)[0], (RequestLength{100, 10}));
}

TEST(ClosedLoop, OneRequestTakesItsStepsAndTheHostsPart) {
  StepModel model = step_model();
  ServerSettings settings = server();
  settings.host = {.step = 0,
                   .step_per_sequence = 0,
                   .gap = 100,
                   .kernel_launch = 0,
                   .flashinfer_launch = 0,
                   .attention_launch = 0,
                   .request = 1000,
                   .prompt_token = 1,
                   .reply = 500};
  const auto result = run_closed_loop(model, settings, {.concurrency = 1}, {{200, 3}});
  const double prompt = model.micros({{{200, 0, true}}, 0, 0});
  const double decodes = model.micros({{}, 1, 201}) + model.micros({{}, 1, 202});
  ASSERT_EQ(result.requests.size(), 1U);
  EXPECT_EQ(result.steps, 3);
  EXPECT_NEAR(result.requests[0].ttft, (1000 + 200 + prompt + 100 + 500) / 1e3, 1e-4);
  EXPECT_NEAR(result.requests[0].tpot, (decodes / 2 + 100) / 1e3, 1e-4);
}

TEST(ClosedLoop, NeverMoreInFlightThanTheLimit) {
  StepModel model = step_model();
  const auto lengths = draw_lengths(60, 200, 50, 0.5, 3);
  const auto result = run_closed_loop(model, server(), {.concurrency = 6}, lengths);
  ASSERT_EQ(result.requests.size(), 60U);
  for (const RequestTimes& a : result.requests) {
    int in_flight = 0;
    for (const RequestTimes& b : result.requests) {
      in_flight += b.sent <= a.sent && a.sent < b.end - 1e-6 ? 1 : 0;
    }
    EXPECT_LE(in_flight, 6);
    EXPECT_GT(a.ttft, 0);
    EXPECT_GT(a.end, a.sent + a.ttft);
  }
}

TEST(ClosedLoop, TheFirstBurstWaitsLongest) {
  StepModel model = step_model();
  const auto lengths = draw_lengths(320, 1024, 64, 0.8, 0);
  ServerSettings settings = server();
  settings.max_num_batched_tokens = 2048;
  const auto result = run_closed_loop(model, settings, {.concurrency = 32}, lengths);
  const LatencySummary summary = summarise(result);
  EXPECT_GT(summary.ttft.mean, summary.ttft.median);
}

TEST(ClosedLoop, SynchronousHostsAddTheirWorkToEveryStep) {
  StepModel model = step_model();
  const auto lengths = draw_lengths(40, 128, 64, 1.0, 0);
  ServerSettings settings = server();
  settings.host.step = 3000;
  const auto beside = run_closed_loop(model, settings, {.concurrency = 4}, lengths);
  settings.async_scheduling = false;
  const auto behind = run_closed_loop(model, settings, {.concurrency = 4}, lengths);
  EXPECT_GT(summarise(behind).tpot.mean, summarise(beside).tpot.mean);
}

TEST(ClosedLoop, ARateSpreadsTheSends) {
  StepModel model = step_model();
  const auto lengths = draw_lengths(100, 64, 8, 1.0, 0);
  const auto result = run_closed_loop(model, server(), {.request_rate = 10, .seed = 1}, lengths);
  EXPECT_NEAR(result.requests.back().sent / 1e3, 10, 4);
  EXPECT_EQ(result.requests.front().sent, 0);
}

TEST(ClosedLoop, ShortMemoryPreemptsButAllEnd) {
  StepModel model = step_model();
  ServerSettings settings = server();
  settings.kv_blocks = 60;
  const auto lengths = draw_lengths(20, 200, 100, 1.0, 0);
  const auto result = run_closed_loop(model, settings, {.concurrency = 8}, lengths);
  EXPECT_GT(result.preemptions, 0);
  for (const RequestTimes& request : result.requests) {
    EXPECT_GT(request.end, 0);
  }
  settings.kv_blocks = 4;
  EXPECT_THROW((void)run_closed_loop(model, settings, {.concurrency = 1}, lengths), UserError);
}

TEST(ServerMemory, TwiceTheRanksHoldMoreThanTwiceTheCache) {
  const ModelDescription model = shipped("meta-llama/Llama-3.1-70B");
  const auto blocks = [&](std::int64_t tp) {
    return size_kv_pool(model, ParallelSplit::of(tp, 1, false), {.gpu = Bytes{80 * kGiB}}).blocks;
  };
  EXPECT_EQ(blocks(1), 0) << "141 GB of weights";
  EXPECT_GT(blocks(4), 2 * blocks(2));
}

MeasuredPoint waiting_point(double ttft_ms, std::int64_t concurrency) {
  MeasuredPoint point;
  point.model = "m";
  point.gpu = "g";
  point.output = 101;
  point.tpot_ms = 10;
  point.ttft_ms = ttft_ms;
  point.concurrency = concurrency;
  return point;
}

TEST(HiddenLimit, WaitingThatTheListedLoadCannotExplain) {
  const Recipe follows = {{"max_num_seqs", "concurrency"}};
  EXPECT_TRUE(hides_a_limit(waiting_point(4000, 512), follows, 300));
  EXPECT_FALSE(hides_a_limit(waiting_point(4000, 512), follows, 2500)) << "memory explains it";
  EXPECT_FALSE(hides_a_limit(waiting_point(2000, 512), follows, 300)) << "two lives of a request";
  EXPECT_FALSE(hides_a_limit(waiting_point(4000, 512), {{"max_num_seqs", "64"}}, 300));
  EXPECT_FALSE(hides_a_limit(waiting_point(4000, 512), {}, 300));
}

TEST(HiddenLimit, IsOneOfTheConcurrenciesMeasuredElsewhere) {
  MeasuredPoint other = waiting_point(1, 8);
  other.gpu = "h";
  const auto limits =
      swept_limits(waiting_point(1, 64),
                   {waiting_point(1, 4), other, waiting_point(1, 32), waiting_point(1, 64)});
  EXPECT_EQ(limits, (std::set<std::int64_t>{4, 32}));
}

TEST(Recipes, AreCorrectedByName) {
  std::map<std::string, Recipe, std::less<>> recipes = {{"a-0.1", {{"kv_cache_dtype", "fp8"}}}};
  correct_recipe(recipes, "a-0.1.kv_cache_dtype=bfloat16");
  EXPECT_EQ(recipes.at("a-0.1").at("kv_cache_dtype"), "bfloat16");
  EXPECT_THROW(correct_recipe(recipes, "a-0.1.kv=x"), UserError);
  EXPECT_THROW(correct_recipe(recipes, "b.kv_cache_dtype=x"), UserError);
  EXPECT_THROW(correct_recipe(recipes, "nothing"), UserError);
}

TEST(ClosedLoop, StepsBeyondTheGraphsTakeTheirLaunches) {
  const auto ttft = [](double launch, bool flashinfer, std::int64_t input) {
    StepModel model = step_model();
    ServerSettings settings = server();
    settings.host.kernel_launch = launch;
    settings.host.flashinfer_launch = 1000;
    settings.flashinfer = flashinfer;
    return run_closed_loop(model, settings, {.concurrency = 1}, {{input, 2}}).requests[0].ttft;
  };
  EXPECT_DOUBLE_EQ(ttft(1000, false, 500), ttft(0, false, 500)) << "a graph holds them";
  EXPECT_GT(ttft(1000, false, 600), ttft(0, false, 600) + 100);
  EXPECT_GT(ttft(1000, true, 600), ttft(1000, false, 600) + 20) << "36 layers";
}

TEST(PointErrors, FiguresAndRanks) {
  const ErrorFigures figures = error_figures({110, 90, 130}, {100, 100, 100});
  EXPECT_NEAR(figures.bias, 10, 1e-9);
  EXPECT_NEAR(figures.mean, 50.0 / 3, 1e-9);
  EXPECT_NEAR(figures.median, 10, 1e-9);
  EXPECT_NEAR(rank_correlation({1, 2, 3}, {10, 20, 30}), 1, 1e-9);
  EXPECT_NEAR(rank_correlation({1, 2, 3}, {30, 20, 10}), -1, 1e-9);
}

}  // namespace
}  // namespace lockstep
