#include "validation/step_segments.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>

#include "reference_data.hpp"
#include "validation/step_comparison.hpp"

namespace lockstep {
namespace {

RecordedRequest request(double first, double last, std::int64_t output) {
  RecordedRequest made;
  made.arrival = made.queued = first;
  made.output_toks = output;
  made.first_token = first;
  made.last_token = last;
  return made;
}

TEST(StepSegments, ChainsThroughACommonStamp) {
  RecordedRun run;
  run.requests = {request(10.0, 11.0, 11), request(11.0, 12.5, 6), request(10.3, 12.1, 9)};
  const StepSegments all = find_step_segments(run);
  EXPECT_EQ(all.contradictions, 0);
  EXPECT_EQ(all.groups, 2U);
  ASSERT_EQ(all.segments.size(), 3U);
  EXPECT_EQ(all.segments[0].steps, 10);
  EXPECT_DOUBLE_EQ(all.segments[0].step_ms(), 100.0);
  EXPECT_EQ(all.segments[0].first_tokens, 2);
  EXPECT_FALSE(all.segments[0].after_prefill);
  EXPECT_EQ(all.segments[2].steps, 5);
  EXPECT_TRUE(all.segments[2].after_prefill);
  EXPECT_EQ(all.segments[2].running, (std::vector<std::size_t>{1, 2}));
  const auto stretches = running_in(all, all.segments[2]);
  ASSERT_EQ(stretches.size(), 2U);
  EXPECT_EQ(stretches[0].running, 2);
  EXPECT_EQ(stretches[0].time, Nanos{1'100'000'000});
  EXPECT_EQ(stretches[1].running, 1);
}

TEST(StepSegments, AGroupThatContradictsItselfGivesNone) {
  RecordedRun run;
  run.requests = {request(1.0, 2.0, 11), request(1.0, 2.0, 12)};
  const StepSegments all = find_step_segments(run);
  EXPECT_EQ(all.contradictions, 1);
  EXPECT_EQ(all.dropped, 1U);
  EXPECT_TRUE(all.segments.empty());
}

RC_GTEST_PROP(StepSegments, FindsTheStepsOfAMadeClock, ()) {
  std::vector<double> clock{100.0};
  for (int i = 0; i < 40; ++i) {
    clock.push_back(clock.back() + *rc::gen::inRange(1, 50) * 1e-3);
  }
  RecordedRun run;
  const int count = *rc::gen::inRange(1, 20);
  for (int i = 0; i < count; ++i) {
    const int first = *rc::gen::inRange(0, 40);
    const int last = *rc::gen::inRange(first, 41);
    run.requests.push_back(request(clock[static_cast<std::size_t>(first)],
                                   clock[static_cast<std::size_t>(last)], last - first + 1));
  }
  const StepSegments all = find_step_segments(run);
  RC_ASSERT(all.contradictions == 0);
  const auto step = [&](Nanos stamp) {
    const double seconds = all.origin + static_cast<double>(stamp.count()) / 1e9;
    const auto near = std::min_element(clock.begin(), clock.end(), [&](double a, double b) {
      return std::abs(a - seconds) < std::abs(b - seconds);
    });
    return near - clock.begin();
  };
  for (const StepSegment& segment : all.segments) {
    RC_ASSERT(step(segment.end) - step(segment.begin) == segment.steps);
    Nanos sum;
    for (const RunningStretch& stretch : running_in(all, segment)) {
      sum += stretch.time;
    }
    RC_ASSERT(sum == segment.end - segment.begin);
  }
}

TEST(StepSegments, PredictsWithTheSameNumbersRunning) {
  RecordedRun run;
  run.requests = {request(0.0, 1.0, 11), request(0.0, 0.5, 6)};
  const StepSegments all = find_step_segments(run);
  ASSERT_EQ(all.segments.size(), 2U);
  const StepTimeByRunning times({{1, 50.0}, {3, 150.0}});
  EXPECT_DOUBLE_EQ(predict(all, all.segments[0], times).step_ms, 100.0);  // two running
  EXPECT_DOUBLE_EQ(predict(all, all.segments[1], times).step_ms, 50.0);
  EXPECT_DOUBLE_EQ(predict(all, all.segments[0], times).running, 2.0);
  EXPECT_TRUE(std::isnan(StepTimeByRunning{}.at(1)));
}

/// Segments after the last first token, published with their mean number running, steps, and ms to
/// three digits.
struct KnownSegment {
  double running;
  std::int64_t steps;
  double ms;
};
struct KnownRun {
  const char* run;
  std::int64_t engines;
  std::vector<KnownSegment> segments;
};

class RecordedSegments : public ::testing::TestWithParam<KnownRun> {};

TEST_P(RecordedSegments, AreTheKnownOnes) {
  LOCKSTEP_REQUIRE_REFERENCE(reference);
  const RecordedRun run = read_recorded_run(reference / "recorded" / GetParam().run);
  const StepSegments all = find_step_segments(run, GetParam().engines);
  EXPECT_EQ(all.contradictions, 0);
  EXPECT_EQ(all.dropped, 0U);
  const auto dir = reference / "recorded" / GetParam().run;
  const StepTimeByRunning times = simulated_step_times(read_request_csv(dir / "outputs/sim.csv"));
  for (const KnownSegment& known : GetParam().segments) {
    const bool found =
        std::any_of(all.segments.begin(), all.segments.end(), [&](const StepSegment& segment) {
          return segment.steps == known.steps &&
                 std::abs(segment.step_ms() - known.ms) <= 0.00051 &&
                 std::abs(predict(all, segment, times).running - known.running) <= 0.11;
        });
    EXPECT_TRUE(found) << known.steps << " steps of " << known.ms << " ms";
  }
}

INSTANTIATE_TEST_SUITE_P(All, RecordedSegments,
                         ::testing::Values(KnownRun{"RTXPRO6000/Llama-3.1-8B",
                                                    1,
                                                    {{12.5, 122, 13.691},
                                                     {41.0, 400, 19.433},
                                                     {45.1, 767, 19.244},
                                                     {49.7, 136, 21.657},
                                                     {62.8, 348, 22.664},
                                                     {64.5, 169, 22.837},
                                                     {72.4, 113, 23.434},
                                                     {94.1, 85, 25.608},
                                                     {114.8, 36, 27.977},
                                                     {116.8, 6, 28.287}}},
                                           KnownRun{"RTXPRO6000/Qwen3-32B",
                                                    1,
                                                    {{9.4, 178, 29.128},
                                                     {29.2, 840, 35.006},
                                                     {57.2, 582, 44.458},
                                                     {90.3, 179, 55.354},
                                                     {115.8, 45, 60.994},
                                                     {113.0, 3, 60.887}}},
                                           KnownRun{"RTXPRO6000/Qwen3-30B-A3B-Instruct-2507",
                                                    2,
                                                    {{27.5, 61, 25.574},
                                                     {95.2, 220, 33.012},
                                                     {128.7, 248, 35.901},
                                                     {243.0, 5, 43.090},
                                                     {77.3, 767, 29.648}}}));

}  // namespace
}  // namespace lockstep
