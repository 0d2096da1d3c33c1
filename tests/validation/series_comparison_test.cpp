#include "validation/series_comparison.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.hpp"
#include "recorded_fixture.hpp"
#include "reference_data.hpp"
#include "validation/step_comparison.hpp"

namespace lockstep {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

SimulatedRequest made(std::int64_t id, double arrival, double queued, double first, double gap,
                      std::size_t gaps) {
  const auto nanos = [](double seconds) { return Nanos{std::llround(seconds * 1e9)}; };
  SimulatedRequest request;
  request.id = id;
  request.input = 10;
  request.output = static_cast<std::int64_t>(gaps) + 1;
  request.arrival = nanos(arrival);
  request.queuing_delay = nanos(queued);
  request.ttft = nanos(first);
  request.itl.assign(gaps, nanos(gap));
  request.latency = nanos(first + gap * static_cast<double>(gaps));
  request.end_time = request.arrival + request.latency;
  return request;
}

TEST(Series, CountsTokensAtTheirStampsAndRequestsAtTheEnds) {
  // Scheduled at 1.5 s; tokens at 2.0, 2.5, 3.0, 3.5 s.
  const std::vector requests{made(0, 0.5, 1.0, 1.5, 0.5, 3)};
  const auto series = simulated_series(requests, 1.0);
  ASSERT_EQ(series.size(), 4U);
  EXPECT_DOUBLE_EQ(series[1].prompt, 10.0);
  EXPECT_DOUBLE_EQ(series[1].generated, 1.0);
  EXPECT_DOUBLE_EQ(series[2].generated, 2.0);
  EXPECT_DOUBLE_EQ(series[3].generated, 1.0);
  EXPECT_DOUBLE_EQ(series[0].waiting, 1.0);
  EXPECT_DOUBLE_EQ(series[0].running, 0.0);
  EXPECT_DOUBLE_EQ(series[1].running, 1.0);
  EXPECT_DOUBLE_EQ(series[2].running, 1.0);
  EXPECT_DOUBLE_EQ(series[3].running, 0.0);
}

TEST(Series, BucketsWithoutARowAreLeftOut) {
  const std::vector<SeriesPoint> recorded{{1, 5, 2, 1, 0}, {3, 0, 4, 2, 1}};
  const std::vector<SeriesPoint> simulated{{1, 5, 4, 1, 0}, {2, 0, 9, 9, 9}, {3, 0, 4, 1, 1}};
  const SeriesComparison c = compare_series(recorded, simulated, 1.0);
  EXPECT_EQ(c.buckets, 2U);
  EXPECT_DOUBLE_EQ(c.figures[1].mean_apart, 1.0);
  EXPECT_DOUBLE_EQ(c.figures[2].mean_apart, 0.5);
  EXPECT_NE(series_table(c).find("Running requests"), std::string::npos);
}

TEST(Series, AFileWithABrokenRowIsRefusedAtItsLine) {
  const testing::RecordedFolder folder;
  RecordedRun run = read_recorded_run(folder.run());
  EXPECT_FALSE(read_time_series(run).has_value());
  folder.write("runs/gpu/vllm/timeseries.csv",
               "t,prompt_throughput,gen_throughput,running,waiting,kv_cache_pct\r\n"
               "1.0,5,x,0,0,0\r\n");
  try {
    (void)read_time_series(run);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_EQ(error.where().line, 2);
  }
}

TEST(StepComparison, TakesSimulatedStepsAfterTheLastFirstToken) {
  // Two run from 1.0 s on for 4 steps of 100 ms, then one goes on with steps of 50 ms.
  std::vector requests{made(0, 0, 0, 1.0, 0.1, 4), made(1, 0, 0, 1.0, 0.1, 6)};
  requests[1].itl[4] = requests[1].itl[5] = Nanos{kSecond / 20};
  requests[1].end_time = Nanos{kSecond * 3 / 2};
  const auto times = simulated_step_times(requests);
  ASSERT_EQ(times.points().size(), 2U);
  EXPECT_DOUBLE_EQ(times.at(1), 50.0);
  EXPECT_DOUBLE_EQ(times.at(2), 100.0);
}

/// Means of differences in the published table are from heartbeats; ours are from token stamps.
TEST(Series, RecordedRunsAreReadWhole) {
  LOCKSTEP_REQUIRE_REFERENCE(reference);
  const auto dir = reference / "recorded/RTXPRO6000/Llama-3.1-8B";
  const RecordedRun run = read_recorded_run(dir);
  const auto recorded = read_time_series(run);
  ASSERT_TRUE(recorded.has_value());
  double tokens = 0;
  double prompts = 0;
  for (const SeriesPoint& point : *recorded) {
    tokens += point.generated * run.tick_seconds;
    prompts += point.prompt * run.tick_seconds;
  }
  EXPECT_DOUBLE_EQ(tokens, 195'753.0);
  EXPECT_DOUBLE_EQ(prompts, 257'239.0);
  const auto requests = read_request_csv(dir / "outputs/sim.csv");
  double made_tokens = 0;
  for (const SeriesPoint& point : simulated_series(requests, 1.0)) {
    made_tokens += point.generated;
  }
  EXPECT_DOUBLE_EQ(made_tokens, 195'753.0);
}

}  // namespace
}  // namespace lockstep
