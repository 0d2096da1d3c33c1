// The priority policy: who waits, and who is preempted.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "base/error.hpp"
#include "draws.hpp"
#include "one_npu.hpp"

namespace lockstep::testing {
namespace {

constexpr std::int64_t kEnoughBlocks = 100;

OneNpu urgent_first(std::int64_t blocks, std::int64_t budget = 16) {
  OneNpu npu(blocks, budget);
  npu.instance.features.queue_policy = QueuePolicy::priority;
  return npu;
}

std::string queue_of(const Scheduler& scheduler) {
  std::string ids;
  for (const Request* request : scheduler.waiting()) {
    ids += fmt::format("{}{}", ids.empty() ? "" : " ", request->id);
  }
  return ids;
}

TEST(Priority, LowerNumbersFirstThenArrivals) {
  OneNpu npu = urgent_first(kEnoughBlocks, 8);
  const std::vector<std::pair<int, int>> asked = {{1, 0}, {0, 3}, {-2, 5}, {1, 0}, {0, 2}};
  for (const auto& [priority, arrival] : asked) {
    Request& request = npu.requests.add(8, 1, arrival);
    request.priority = priority;
    npu.scheduler().add_request(request);
  }
  EXPECT_EQ(queue_of(npu.scheduler()), "2 4 1 0 3");
  for (const char* entry : {"r2 8@0", "r4 8@0", "r1 8@0", "r0 8@0", "r3 8@0"}) {
    Batch* batch = npu.schedule(5);
    EXPECT_EQ(text(batch), entry);
    npu.finish(batch->id, 6);
  }
}

/// Four blocks of 4: request 1 needs a third one and takes it from request 0, which is less urgent
/// but first in the step.
TEST(Priority, TakesFromTheLeastUrgentEvenFromTheStepBeingFormed) {
  OneNpu npu = urgent_first(4);
  Request& low = npu.requests.add(5, 8, 0);
  low.priority = 1;
  Request& high = npu.requests.add(8, 8, 0);
  npu.scheduler().add_request(low);
  EXPECT_EQ(text(npu.schedule(0)), "r0 5@0");
  npu.finish(0, 1);
  npu.scheduler().add_request(high);
  EXPECT_EQ(text(npu.schedule(1)), "r0 1@5, r1 8@0");
  npu.finish(1, 2);
  EXPECT_EQ(text(npu.schedule(2)), "r1 1@8");
  EXPECT_EQ(low.status, RequestStatus::preempted);
  EXPECT_EQ(queue_of(npu.scheduler()), "0");
  EXPECT_EQ(npu.scheduler().num_preemptions(), 1);
}

TEST(Priority, FirstComeFirstServedTakesFromTheLast) {
  OneNpu npu(4);
  Request& first = npu.requests.add(7, 8, 0);
  Request& last = npu.requests.add(8, 8, 0);
  first.priority = 1;
  npu.scheduler().add_request(first);
  npu.scheduler().add_request(last);
  EXPECT_EQ(text(npu.schedule(0)), "r0 7@0, r1 8@0");
  npu.finish(0, 1);
  npu.schedule(1);
  EXPECT_EQ(last.status, RequestStatus::preempted);
}

/// A preempted request is no exception: whoever is more urgent enters before it.
TEST(Priority, APreemptedRequestQueuesByItsPriority) {
  OneNpu npu = urgent_first(4);
  Request& low = npu.requests.add(7, 8, 0);
  low.priority = 2;
  Request& high = npu.requests.add(8, 8, 0);
  Request& middle = npu.requests.add(4, 1, 2);
  middle.priority = 1;
  npu.scheduler().add_request(low);
  npu.scheduler().add_request(high);
  npu.schedule(0);
  npu.finish(0, 1);
  npu.scheduler().add_request(middle);
  npu.schedule(2);
  EXPECT_EQ(queue_of(npu.scheduler()), "2 0");
}

TEST(Priority, HandedOverPromptsWaitByPriority) {
  OneNpu npu = urgent_first(2);
  npu.instance.pd = PdType::decode;
  for (const std::int64_t priority : {0, 5, 1}) {
    Request& request = npu.computed_prompt(5, 3);
    request.priority = priority;
    npu.scheduler().add_decode(request);
  }
  for (std::int64_t now = 0; npu.scheduler().done().size() < 3; ++now) {
    npu.finish(npu.schedule(now)->id, now + 1);
  }
  std::vector<std::int64_t> order;
  for (const Request* request : npu.scheduler().done()) {
    order.push_back(request->id);
  }
  EXPECT_EQ(order, (std::vector<std::int64_t>{0, 2, 1}));
}

TEST(Priority, NoPolicyBesideIt) {
  class Nobody final : public AdmissionPolicy {
    std::vector<std::size_t> choose(const Scheduler&, Nanos,
                                    std::span<const Request* const>) override {
      return {};
    }
  };
  Nobody nobody;
  OneNpu npu = urgent_first(kEnoughBlocks);
  EXPECT_THROW(npu.scheduler().decide_by(&nobody), UserError);
  EXPECT_NO_THROW(npu.scheduler().decide_by(nullptr));
}

RC_GTEST_PROP(Priority, NobodyWaitsBehindTheLessUrgent, ()) {
  OneNpu npu = urgent_first(draw(12, 20), draw(4, 30));
  npu.instance.max_num_seqs = draw(1, 6);
  const std::int64_t count = draw(2, 12);
  for (std::int64_t i = 0; i < count; ++i) {
    npu.requests.add(draw(1, 30), draw(1, 15), draw(0, 20)).priority = draw(0, 3);
  }
  Scheduler& scheduler = npu.scheduler();
  std::int64_t added = 0;
  for (std::int64_t now = 0; added < count || !scheduler.empty(); ++now) {
    RC_ASSERT(now < 5'000);
    for (Request& request : npu.requests.all()) {
      if (request.arrival == Nanos{now}) {
        scheduler.add_request(request);
        ++added;
      }
    }
    const std::deque<Request*> before = scheduler.waiting();
    Batch* batch = npu.schedule(now);
    const std::deque<Request*>& after = scheduler.waiting();
    RC_ASSERT(std::is_sorted(after.begin(), after.end(), [](const Request* a, const Request* b) {
      return a->priority < b->priority;
    }));
    for (const Request* entered : before) {
      for (const Request* waits : after) {
        const bool has_entered = entered->status == RequestStatus::running;
        const bool was_there = std::find(before.begin(), before.end(), waits) != before.end();
        RC_ASSERT(!has_entered || !was_there || entered->priority <= waits->priority);
      }
    }
    if (batch != nullptr) {
      npu.finish(batch->id, now);
    }
  }
}

}  // namespace
}  // namespace lockstep::testing
