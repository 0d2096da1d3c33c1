// Statistics of counted values are those of the values, and repeated ones take no room.
#include "report/value_tally.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace lockstep {
namespace {

RC_GTEST_PROP(ValueTally, SaysWhatAllValuesSay, ()) {
  const auto count = *rc::gen::element<std::size_t>(1, 2, 3, 100, 101, 5000);
  const auto range = *rc::gen::element<std::int64_t>(1, 3, 50, 1'000'000'000'000);
  const auto values = *rc::gen::container<std::vector<std::int64_t>>(
      count, rc::gen::inRange<std::int64_t>(0, range));
  ValueTally tally;
  std::vector<Nanos> all;
  for (const std::int64_t value : values) {
    tally.add(Nanos{value});
    all.push_back(Nanos{value});
  }
  const LatencyStatistics want = latency_statistics(all);
  const LatencyStatistics got = tally.statistics();
  RC_ASSERT(tally.count() == std::ssize(values));
  RC_ASSERT(got.mean == want.mean);
  RC_ASSERT(got.median == want.median);
  RC_ASSERT(got.p99 == want.p99);
}

TEST(ValueTally, HoldsOneOfEqualValues) {
  ValueTally tally;
  for (int i = 0; i < 1'000'000; ++i) {
    tally.add(Nanos{i % 7});
  }
  EXPECT_LT(tally.held(), 2000U);
  EXPECT_EQ(tally.statistics().median, 3.0);
}

}  // namespace
}  // namespace lockstep
