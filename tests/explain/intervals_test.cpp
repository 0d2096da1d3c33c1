#include "explain/intervals.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <optional>
#include <tuple>

namespace lockstep {
namespace {

Interval span(Cause cause, std::int64_t begin, std::int64_t end) {
  return {{cause}, Nanos{begin}, Nanos{end}};
}

TEST(Intervals, WorkHidesWhatLiesBehindIt) {
  const std::vector<Interval> spans{span(Cause::exchange, 10, 40), span(Cause::dense, 0, 20),
                                    span(Cause::attention, 15, 18)};
  const std::vector<Interval> expected{span(Cause::dense, 0, 15), span(Cause::attention, 15, 18),
                                       span(Cause::dense, 18, 20), span(Cause::exchange, 20, 40),
                                       span(Cause::step_other, 40, 45)};
  EXPECT_EQ(attribute(spans, Nanos{0}, Nanos{45}), expected);
}

TEST(Intervals, NothingIsOneStretchOfOtherTime) {
  EXPECT_EQ(attribute({}, Nanos{3}, Nanos{9}), std::vector{span(Cause::step_other, 3, 9)});
  EXPECT_TRUE(attribute({}, Nanos{3}, Nanos{3}).empty());
}

rc::Gen<std::vector<Interval>> any_spans() {
  return rc::gen::container<std::vector<Interval>>(
      rc::gen::map(rc::gen::tuple(rc::gen::inRange(0, kCauses), rc::gen::inRange(0, 60),
                                  rc::gen::inRange(0, 20)),
                   [](const std::tuple<int, int, int>& drawn) {
                     const auto [cause, begin, length] = drawn;
                     return span(static_cast<Cause>(cause), begin, begin + length);
                   }));
}

RC_GTEST_PROP(Intervals, EveryInstantHasTheFirstCauseThatHolds, ()) {
  const auto spans = *any_spans();
  const std::int64_t begin = *rc::gen::inRange(0, 40);
  const std::int64_t end = begin + *rc::gen::inRange(0, 40);
  const auto cut = attribute(spans, Nanos{begin}, Nanos{end});
  std::int64_t cursor = begin;
  for (const Interval& interval : cut) {
    RC_ASSERT(interval.begin.count() == cursor);
    for (; cursor < interval.end.count(); ++cursor) {
      std::optional<Part> first;
      for (const Interval& other : spans) {
        if (other.begin.count() <= cursor && cursor < other.end.count()) {
          first = first ? std::min(*first, other.part) : other.part;
        }
      }
      RC_ASSERT(interval.part == first.value_or(Part{}));
    }
  }
  RC_ASSERT(cursor == end);
  Nanos sum;
  for (const auto& [part, time] : sum_between(cut, Nanos{begin}, Nanos{end})) {
    sum += time;
  }
  RC_ASSERT(sum == Nanos{end - begin});
}

}  // namespace
}  // namespace lockstep
