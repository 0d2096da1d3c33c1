#include "validation/comparison.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "recorded_fixture.hpp"
#include "validation/comparison_report.hpp"
#include "validation/summary_text.hpp"

namespace lockstep {
namespace {

using testing::RecordedFolder;

Comparison small_comparison() {
  const RecordedFolder folder;
  return compare(read_recorded_run(folder.run()), read_request_csv(folder.sim()), "sim.csv");
}

TEST(Comparison, TimesCountFromTheQueueAndFromTheArrival) {
  const Comparison c = small_comparison();
  EXPECT_EQ(c.recorded_requests, 2U);
  EXPECT_EQ(c.simulated_requests, 2U);
  EXPECT_NEAR(c.ttft.recorded.figures[0], 150e6, 1.0);  // (100 + 200) / 2 ms
  EXPECT_NEAR(c.ttft.simulated.figures[0], 130e6, 1.0);
  // The smallest inbox wait is taken as none, so 10 ms of request 1's wait are left.
  EXPECT_NEAR(c.ttft_from_arrival.recorded.figures[0], 155e6, 1000.0);
  EXPECT_NEAR(c.queueing.recorded.figures[0], 25e6, 1.0);
  EXPECT_NEAR(c.scheduled_to_first.recorded.figures[0], 125e6, 1.0);
  EXPECT_NEAR(c.scheduled_to_first.simulated.figures[0], 105e6, 1.0);
  EXPECT_NEAR(c.latency.recorded.figures[0], 200e6, 1.0);
}

TEST(Comparison, RequestsArePairedById) {
  const Comparison c = small_comparison();
  EXPECT_NEAR(c.ttft.per_request, (10.0 + 25.0) / 2, 1e-5);
}

TEST(Comparison, AOneTokenRequestHasNoRecordedTpot) {
  const Comparison c = small_comparison();
  EXPECT_EQ(c.tpot.recorded.samples, 1U);
  EXPECT_EQ(c.tpot.simulated.samples, 2U);
}

TEST(Comparison, FiguresOfTheWholeRun) {
  const Comparison c = small_comparison();
  EXPECT_NEAR(c.makespan.recorded, 0.710, 1e-6);
  EXPECT_NEAR(c.makespan.simulated, 0.650, 1e-12);
  EXPECT_NEAR(c.generation_rate.recorded, 4 / 0.710, 1e-4);
  EXPECT_NEAR(c.total_rate.simulated, 34 / 0.650, 1e-9);
  EXPECT_NEAR(c.itl_mean.recorded, 50.0, 1e-6);
  EXPECT_NEAR(c.itl_mean.simulated, 50.0, 1e-9);
}

TEST(Comparison, AnotherWorkloadIsRefused) {
  const RecordedFolder folder;
  const RecordedRun run = read_recorded_run(folder.run());
  auto requests = read_request_csv(folder.sim());
  requests[0].input = 11;
  EXPECT_THROW(static_cast<void>(compare(run, requests, "sim.csv")), UserError);
  requests[0].input = 10;
  requests[1].id = 0;
  EXPECT_THROW(static_cast<void>(compare(run, requests, "sim.csv")), UserError);
  requests[1].id = 7;
  EXPECT_THROW(static_cast<void>(compare(run, requests, "sim.csv")), UserError);
}

TEST(Comparison, WithoutSamplesNothingIsKnown) {
  const RecordedFolder folder;
  const Comparison c = compare(read_recorded_run(folder.run()), {}, "sim.csv");
  EXPECT_TRUE(std::isnan(c.ttft.simulated.figures[0]));
  EXPECT_TRUE(std::isnan(c.makespan.simulated));
  EXPECT_TRUE(std::isnan(error_percent(0.0, 1.0)));
  const auto json = nlohmann::json::parse(comparison_json(c, {}, std::nullopt));
  EXPECT_TRUE(json["metrics"]["TTFT"]["error_percent"]["p50"].is_null());
  EXPECT_TRUE(errors_above(c, 0.0).empty());
}

TEST(SummaryText, ValuesWithOneDigitAndSignedErrors) {
  const std::string text = summary_text(small_comparison());
  EXPECT_EQ(text.substr(0, text.find("TTFT P90")),
            "Metric                           vLLM         Sim     Diff%\n"
            "-----------------------------------------------------------\n"
            "TTFT Mean                       150.0       130.0    -13.3%\n"
            "TTFT Median                     150.0       130.0    -13.3%\n");
  EXPECT_NE(text.find("%\n\nTPOT Mean                        50.0        25.0    -50.0%\n"),
            std::string::npos);
  EXPECT_TRUE(text.ends_with("%\n") && !text.ends_with("\n\n"));
}

TEST(ComparisonReport, ErrorsAboveALimitAreNamed) {
  const Comparison c = small_comparison();
  const auto above = errors_above(c, 40.0);
  ASSERT_EQ(above.size(), 2U);  // TPOT mean and p50: 25 instead of 50 ms
  EXPECT_EQ(above[0], "TPOT mean: -50.00 %");
  EXPECT_TRUE(errors_above(c, 60.0).empty());
}

TEST(ComparisonReport, TableAndJsonHoldEveryMetric) {
  const Comparison c = small_comparison();
  const std::string table = comparison_table(c);
  const auto json = nlohmann::json::parse(comparison_json(c, {}, std::nullopt));
  for (const Metric* metric : c.metrics()) {
    EXPECT_NE(table.find(metric->name), std::string::npos);
    EXPECT_TRUE(json["metrics"].contains(metric->name));
  }
  EXPECT_NEAR(json["figures"]["Makespan"]["recorded"].get<double>(), 0.71, 1e-6);
}

}  // namespace
}  // namespace lockstep
