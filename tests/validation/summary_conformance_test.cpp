#include <gtest/gtest.h>

#include "recorded_fixture.hpp"
#include "reference_data.hpp"
#include "validation/comparison.hpp"
#include "validation/summary_text.hpp"

namespace lockstep {
namespace {

/// Published errors in %, two digits.
struct Known {
  const char* run;
  double scheduled_to_first, ttft_from_arrival, makespan, tpot_per_request, itl;
};

class RecordedRuns : public ::testing::TestWithParam<Known> {};

TEST_P(RecordedRuns, SummaryIsEqualByteForByte) {
  LOCKSTEP_REQUIRE_REFERENCE(reference);
  const auto dir = reference / "recorded" / GetParam().run;
  const Comparison comparison =
      compare(read_recorded_run(dir), read_request_csv(dir / "outputs/sim.csv"), "sim.csv");
  EXPECT_EQ(summary_text(comparison), testing::file_text(dir / "validation/summary.txt"));
}

TEST_P(RecordedRuns, FurtherErrorsAreTheKnownOnes) {
  LOCKSTEP_REQUIRE_REFERENCE(reference);
  const auto dir = reference / "recorded" / GetParam().run;
  const Comparison c =
      compare(read_recorded_run(dir), read_request_csv(dir / "outputs/sim.csv"), "sim.csv");
  const auto mean_error = [](const Metric& metric) {
    return error_percent(metric.recorded.figures[0], metric.simulated.figures[0]);
  };
  EXPECT_NEAR(mean_error(c.scheduled_to_first), GetParam().scheduled_to_first, 0.051);
  EXPECT_NEAR(mean_error(c.ttft_from_arrival), GetParam().ttft_from_arrival, 0.0051);
  EXPECT_NEAR(error_percent(c.makespan.recorded, c.makespan.simulated), GetParam().makespan,
              0.0051);
  EXPECT_NEAR(c.tpot.per_request, GetParam().tpot_per_request, 0.0051);
  EXPECT_NEAR(error_percent(c.itl_mean.recorded, c.itl_mean.simulated), GetParam().itl, 0.0051);
}

INSTANTIATE_TEST_SUITE_P(
    All, RecordedRuns,
    ::testing::Values(Known{"RTX4090/Llama-3.1-8B", -39.1, 0.51, 0.050, 1.56, 0.18},
                      Known{"RTXPRO6000/Llama-3.1-8B", -42.0, -4.27, -1.963, 1.54, -1.06},
                      Known{"RTXPRO6000/Qwen3-32B", -49.0, 0.89, 1.475, 0.84, 0.85},
                      Known{"RTXPRO6000/Qwen3-30B-A3B-Instruct-2507", -43.9, -15.70, -4.339, 1.87,
                            -1.75}));

}  // namespace
}  // namespace lockstep
