#include "perf/block_schedule.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <functional>
#include <queue>
#include <vector>

namespace lockstep {
namespace {

/// Block by block, by a queue of those that run.
std::vector<double> plain_ends(const BlockSchedule::Works& works, std::size_t rounds,
                               std::size_t running) {
  std::priority_queue<double, std::vector<double>, std::greater<>> queue;
  std::vector<double> ends;
  for (std::size_t block = 0; block < works.own.size() * rounds; ++block) {
    double begin = 0;
    if (queue.size() == running) {
      begin = queue.top();
      queue.pop();
      ends.push_back(begin);
    }
    queue.push(begin + works[block % works.own.size()]);
  }
  for (; !queue.empty(); queue.pop()) {
    ends.push_back(queue.top());
  }
  return ends;
}

std::vector<double> ends_of(BlockSchedule& schedule, const std::vector<double>& own,
                            std::size_t rounds, std::size_t running, double each = 0) {
  const auto ends = schedule.ends({own, each}, rounds, running);
  return {ends.begin(), ends.end()};
}

TEST(BlockSchedule, EachEndBeginsTheNext) {
  BlockSchedule schedule;
  // Two at once: 5 and 3; then 4 after 3, and 5 again after 5, 3 after 7, 4 after 10.
  const std::vector<double> expected = {3, 5, 7, 10, 10, 14};
  EXPECT_EQ(ends_of(schedule, {5, 3, 4}, 2, 2), expected);
  EXPECT_EQ(ends_of(schedule, {5, 3, 4}, 2, 2), expected) << "from what is remembered";
}

TEST(BlockSchedule, NothingToDo) {
  BlockSchedule schedule;
  EXPECT_TRUE(ends_of(schedule, {}, 4, 2).empty());
  EXPECT_TRUE(ends_of(schedule, {1}, 0, 2).empty());
  EXPECT_EQ(ends_of(schedule, {0, 0}, 1, 1), (std::vector<double>{0, 0}));
  EXPECT_EQ(ends_of(schedule, {7}, 1, 100), std::vector<double>{7});
}

TEST(BlockSchedule, AShortBlockThatEndsBeforeThoseItFollowed) {
  BlockSchedule schedule;
  (void)ends_of(schedule, {100, 90, 80, 70}, 1, 1);
  EXPECT_EQ(ends_of(schedule, {1, 1, 500, 1}, 1, 2), (std::vector<double>{1, 1, 2, 501}));
  EXPECT_EQ(ends_of(schedule, {500, 1, 1, 1}, 1, 2), (std::vector<double>{1, 2, 3, 500}));
}

struct Steps {
  std::size_t rounds = 1, running = 1;
  double each = 0;
  std::vector<double> own;
};

Steps first_step() {
  Steps steps;
  steps.rounds = *rc::gen::inRange<std::size_t>(1, 9);
  steps.running = *rc::gen::inRange<std::size_t>(1, 60);
  steps.each = *rc::gen::element(0.0, 1.0, 19136.185);
  const int least = *rc::gen::element(0, 1, 1000, 1'000'000);
  const int spread = *rc::gen::element(1, 2, 10, 1000, 1'000'000);
  const auto count = *rc::gen::inRange<std::size_t>(1, 120);
  for (const int own :
       *rc::gen::container<std::vector<int>>(count, rc::gen::inRange(least, least + spread))) {
    steps.own.push_back(own);
  }
  return steps;
}

/// What may happen to a batch from step to step.
void change(Steps& steps) {
  const int kind = *rc::gen::inRange(0, 8);
  const std::size_t at = *rc::gen::inRange<std::size_t>(0, steps.own.size());
  if (kind == 0 && steps.own.size() > 1) {
    steps.own.erase(steps.own.begin() + static_cast<std::ptrdiff_t>(at));
  } else if (kind == 1) {
    steps.own.push_back(*rc::gen::inRange(0, 2'000'000));
  } else if (kind == 2) {
    steps.own[at] = *rc::gen::inRange(0, 2'000'000);
  } else if (kind == 3) {
    steps.rounds = *rc::gen::inRange<std::size_t>(1, 9);
    steps.running = *rc::gen::inRange<std::size_t>(1, 60);
  } else {
    const double more = *rc::gen::element(1.0, 512.0, 0.25);
    std::ranges::for_each(steps.own, [more](double& own) { own += more; });
  }
}

RC_GTEST_PROP(BlockSchedule, AgreesWithThePlainQueueToTheLastBit, ()) {
  BlockSchedule schedule;
  Steps steps = first_step();
  for (int step = 0; step < 12; ++step) {
    RC_ASSERT(ends_of(schedule, steps.own, steps.rounds, steps.running, steps.each) ==
              plain_ends({steps.own, steps.each}, steps.rounds, steps.running));
    change(steps);
  }
}

}  // namespace
}  // namespace lockstep
