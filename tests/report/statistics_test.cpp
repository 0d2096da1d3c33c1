#include "report/statistics.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "base/error.hpp"

namespace lockstep {
namespace {

std::vector<Nanos> nanos(std::initializer_list<std::int64_t> counts) {
  std::vector<Nanos> values;
  for (const std::int64_t count : counts) {
    values.emplace_back(count);
  }
  return values;
}

TEST(Statistics, OfOneValue) {
  const LatencyStatistics statistics = latency_statistics(nanos({7}));
  EXPECT_EQ(statistics.mean, 7.0);
  EXPECT_EQ(statistics.median, 7.0);
  EXPECT_EQ(statistics.p99, 7.0);
}

TEST(Statistics, MedianOfAnEvenCountIsTheMeanOfTheMiddleTwo) {
  EXPECT_EQ(latency_statistics(nanos({9, 1, 4, 2})).median, 3.0);
  EXPECT_EQ(latency_statistics(nanos({9, 1, 4})).median, 4.0);
}

TEST(Statistics, PercentileInterpolatesBetweenNeighbours) {
  auto values = nanos({40, 10, 30, 20});
  EXPECT_EQ(percentile(values, 0.0), 10.0);
  EXPECT_EQ(percentile(values, 1.0), 40.0);
  EXPECT_DOUBLE_EQ(percentile(values, 0.99), 30.0 + 10.0 * 0.97);
  EXPECT_DOUBLE_EQ(percentile(values, 0.4), 22.0);
}

TEST(Statistics, PercentileIsTakenFromTheNearerNeighbour) {
  // Rank 0.9: from below 0 + 1e17 * 0.9 and from above 1e17 - 1e17 * 0.1 differ in the last bit.
  auto values = nanos({0, 100'000'000'000'000'001});
  EXPECT_EQ(percentile(values, 0.9), 1e17 - 1e17 * (1.0 - 0.9));
}

TEST(Statistics, OfNothingIsOurMistake) {
  EXPECT_THROW((void)latency_statistics({}), InternalError);
}

RC_GTEST_PROP(Statistics, AgreeWithSorting, ()) {
  const auto counts = *rc::gen::nonEmpty(
      rc::gen::container<std::vector<std::int64_t>>(rc::gen::inRange<std::int64_t>(-1, 1 << 20)));
  std::vector<Nanos> values;
  for (const std::int64_t count : counts) {
    values.emplace_back(count);
  }
  const LatencyStatistics statistics = latency_statistics(values);
  std::sort(values.begin(), values.end());
  const auto at = [&values](double rank) {
    const auto i = static_cast<std::size_t>(rank);
    const auto below = static_cast<double>(values[i].count());
    const auto above = static_cast<double>(values[std::min(i + 1, values.size() - 1)].count());
    return below + (above - below) * (rank - static_cast<double>(i));
  };
  const auto last = static_cast<double>(values.size() - 1);
  RC_ASSERT(std::abs(statistics.median - at(last * 0.5)) < 1e-6);
  RC_ASSERT(std::abs(statistics.p99 - at(last * 0.99)) < 1e-6);
}

}  // namespace
}  // namespace lockstep
