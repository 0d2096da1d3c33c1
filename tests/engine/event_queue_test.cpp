// The order of events, against the obvious model: a map of times to lists of lists.
#include "engine/event_queue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <deque>
#include <map>

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using Queue = EventQueue<std::int32_t>;

// A slot holds the events of one time; an NPU's list is one of them.
class SlowQueue {
public:
  void push(std::int64_t time, std::int32_t event) { slots_[time].push_back({-1, {event}}); }
  void push_own(std::int32_t npu, std::int64_t time, std::int32_t event) {
    for (Place& place : slots_[time]) {
      if (place.owner == npu) {
        place.events.push_back(event);
        return;
      }
    }
    slots_[time].push_back({npu, {event}});
  }
  bool pop(std::int64_t time, std::int32_t& event) {
    const auto slot = slots_.find(time);
    if (slot == slots_.end()) {
      return false;
    }
    // A list stays while its last event runs, so that it can be joined; only then it is gone.
    if (slot->second.front().events.empty()) {
      slot->second.pop_front();
    }
    if (slot->second.empty()) {
      slots_.erase(slot);
      return false;
    }
    event = slot->second.front().events.front();
    slot->second.front().events.pop_front();
    return true;
  }
  [[nodiscard]] bool empty() const { return slots_.empty(); }
  [[nodiscard]] std::int64_t next_time() const { return slots_.begin()->first; }

private:
  struct Place {
    std::int32_t owner;
    std::deque<std::int32_t> events;
  };
  std::map<std::int64_t, std::deque<Place>> slots_;
};

std::vector<std::int32_t> drain(Queue& queue, std::int64_t time) {
  std::vector<std::int32_t> out;
  Queue::Item item;
  while (queue.pop(Nanos{time}, item)) {
    out.push_back(item.event);
  }
  return out;
}

TEST(EventQueue, EqualTimesAreFirstInFirstOut) {
  Queue queue(1);
  queue.push(Nanos{5}, 1);
  queue.push(Nanos{3}, 2);
  queue.push(Nanos{5}, 3);
  queue.push(Nanos{3}, 4);
  ASSERT_EQ(queue.next_time(), Nanos{3});
  EXPECT_THAT(drain(queue, 3), ElementsAre(2, 4));
  EXPECT_THAT(drain(queue, 5), ElementsAre(1, 3));
  EXPECT_TRUE(queue.empty());
}

TEST(EventQueue, AnNpusEventsRunTogetherAtThePlaceOfTheFirst) {
  Queue queue(2);
  queue.push_own(0, Nanos{7}, 1);
  queue.push(Nanos{7}, 2);
  queue.push_own(1, Nanos{7}, 3);
  queue.push_own(0, Nanos{7}, 4);
  queue.push_own(0, Nanos{8}, 5);
  EXPECT_THAT(drain(queue, 7), ElementsAre(1, 4, 2, 3));
  EXPECT_THAT(drain(queue, 8), ElementsAre(5));
}

TEST(EventQueue, WhatJoinsWhileTheListRunsIsPartOfIt) {
  Queue queue(1);
  Queue::Item item;
  queue.push_own(0, Nanos{7}, 1);
  queue.push(Nanos{7}, 2);
  ASSERT_TRUE(queue.pop(Nanos{7}, item));
  EXPECT_EQ(item.owner, 0);
  queue.push_own(0, Nanos{7}, 3);
  queue.push(Nanos{7}, 4);
  EXPECT_THAT(drain(queue, 7), ElementsAre(3, 2, 4));
}

TEST(EventQueue, AFinishedListIsNotJoined) {
  Queue queue(1);
  Queue::Item item;
  queue.push_own(0, Nanos{7}, 1);
  queue.push(Nanos{7}, 2);
  queue.push(Nanos{7}, 3);
  ASSERT_TRUE(queue.pop(Nanos{7}, item));
  ASSERT_TRUE(queue.pop(Nanos{7}, item));
  ASSERT_EQ(item.event, 2);
  queue.push_own(0, Nanos{7}, 4);
  EXPECT_THAT(drain(queue, 7), ElementsAre(3, 4));
  // Between steps as well.
  queue.push(Nanos{7}, 5);
  queue.push_own(0, Nanos{7}, 6);
  EXPECT_THAT(drain(queue, 7), ElementsAre(5, 6));
}

RC_GTEST_PROP(EventQueueProperty, OrdersAsTheObviousModel, ()) {
  constexpr std::int32_t kNpus = 3;
  Queue queue(kNpus);
  SlowQueue slow;
  std::int64_t now = 0;
  std::int32_t next = 0;
  const auto add = [&] {
    const auto owner = *rc::gen::inRange<std::int32_t>(-1, kNpus);
    const std::int64_t time = now + *rc::gen::inRange<std::int64_t>(0, 4);
    if (owner < 0) {
      queue.push(Nanos{time}, next);
      slow.push(time, next);
    } else {
      queue.push_own(owner, Nanos{time}, next);
      slow.push_own(owner, time, next);
    }
    ++next;
  };
  const auto rounds = *rc::gen::inRange(1, 12);
  for (int round = 0; round < rounds; ++round) {
    for (auto n = *rc::gen::inRange(0, 6); n > 0; --n) {
      add();
    }
    RC_ASSERT(queue.empty() == slow.empty());
    if (queue.empty()) {
      continue;
    }
    now = slow.next_time();
    RC_ASSERT(queue.next_time().count() == now);
    for (std::int32_t expected = -1; true;) {
      Queue::Item item;
      const bool any = queue.pop(Nanos{now}, item);
      RC_ASSERT(any == slow.pop(now, expected));
      if (!any) {
        break;
      }
      RC_ASSERT(item.event == expected);
      for (auto n = *rc::gen::inRange(0, 3); n > 0 && next < 200; --n) {
        add();
      }
    }
  }
}

/// Entries in a heap of pairs, all of which are moved when some are put off.
RC_GTEST_PROP(EventQueueProperty, PutsOffAllOfAnOwner, ()) {
  constexpr std::int32_t kNpus = 4;
  struct Slow {
    std::int64_t time;
    std::int64_t place;
    std::int32_t cause;
    std::int32_t event;
  };
  Queue queue(kNpus);
  std::vector<Slow> slow;
  std::int64_t now = 0;
  std::int32_t next = 0;
  for (auto round = *rc::gen::inRange(1, 40); round > 0; --round) {
    for (auto n = *rc::gen::inRange(0, 6); n > 0; --n, ++next) {
      const auto cause = *rc::gen::inRange<std::int32_t>(-1, kNpus);
      // Own events at times of their own: lists are another test's matter.
      const bool own = cause >= 0 && *rc::gen::element(false, true);
      const std::int64_t time = own ? 1'000'000 + 1'000 * next : now + *rc::gen::inRange(1, 5);
      own ? queue.push_own(cause, Nanos{time}, next) : queue.push(Nanos{time}, next, cause);
      slow.push_back({time, next, cause, next});
    }
    const auto put_off = *rc::gen::inRange<std::int32_t>(0, kNpus);
    const auto by = *rc::gen::inRange<std::int64_t>(1, 9);
    queue.postpone({{put_off}}, Nanos{by});
    for (Slow& entry : slow) {
      entry.time += entry.cause == put_off ? by : 0;
    }
    if (slow.empty()) {
      continue;
    }
    std::ranges::sort(slow, [](const Slow& a, const Slow& b) {
      return a.time != b.time ? a.time < b.time : a.place < b.place;
    });
    now = slow.front().time;
    RC_ASSERT(queue.next_time().count() == now);
    for (const std::int32_t event : drain(queue, now)) {
      RC_ASSERT(event == slow.front().event && slow.front().time == now);
      slow.erase(slow.begin());
    }
    RC_ASSERT(slow.empty() || slow.front().time > now);
  }
}

}  // namespace
}  // namespace lockstep
