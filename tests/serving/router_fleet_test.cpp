// Instances that take no requests for a while, and what becomes of those they had.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serving/router.hpp"
#include "small_cluster.hpp"

namespace lockstep::testing {
namespace {

using ::testing::ElementsAre;

Workload at(const std::vector<std::int64_t>& arrivals) {
  Workload workload = flat(arrivals, 8);
  for (WorkloadRequest& request : workload.requests) {
    request.input_ids.assign(8, 1);
  }
  return workload;
}

TEST(RouterFleet, WhoIsAwayIsLeftOut) {
  for (const RoutingPolicy policy : {RoutingPolicy::load, RoutingPolicy::round_robin}) {
    SmallCluster cluster(3);
    Router router(cluster.schedulers, policy);
    const Workload workload = at({1, 2, 3, 4, 5, 6});
    router.load(workload);
    router.set_available(1, false);
    router.route_arrived(Nanos{4});
    router.set_available(1, true);
    router.set_available(2, false);
    router.route_arrived(Nanos{6});
    const auto where = owners(router);
    EXPECT_THAT(std::vector(where.begin(), where.begin() + 4), ElementsAre(0, 2, 0, 2));
    EXPECT_NE(where[4], 2);
    EXPECT_NE(where[5], 2);
  }
}

TEST(RouterFleet, WithNobodyThereIsNothingToHearOf) {
  SmallCluster cluster(1);
  Router router(cluster.schedulers, RoutingPolicy::load);
  const Workload workload = at({5});
  router.load(workload);
  router.set_available(0, false);
  EXPECT_FALSE(router.next_arrival());
  EXPECT_TRUE(router.has_pending());
  EXPECT_EQ(router.route_arrived(Nanos{10}), 0U);
  router.set_available(0, true);
  EXPECT_EQ(router.next_arrival(), Nanos{5});
  EXPECT_EQ(router.route_arrived(Nanos{10}), 1U);
}

TEST(RouterFleet, ReturnedRequestsComeAtTheirTime) {
  SmallCluster cluster(2);
  Router router(cluster.schedulers, RoutingPolicy::load);
  const Workload workload = at({1, 2, 20});
  router.load(workload);
  router.route_arrived(Nanos{2});
  router.set_available(0, false);
  const auto lost = cluster.schedulers[0]->lose_all(0);
  ASSERT_EQ(lost.size(), 1U);
  router.give_back(*lost[0], Nanos{15});
  EXPECT_EQ(router.num_pending(), 2U);
  EXPECT_EQ(router.next_arrival(), Nanos{15});
  EXPECT_EQ(router.route_arrived(Nanos{14}), 0U);
  EXPECT_EQ(router.route_arrived(Nanos{15}), 1U);
  EXPECT_THAT(owners(router), ElementsAre(1, 1, 0));
  EXPECT_EQ(router.next_arrival(), Nanos{20});
  // A client may go while its request is on its way back.
  const auto again = cluster.schedulers[1]->lose_all(0);
  ASSERT_EQ(again.size(), 2U);
  router.give_back(*again[0], Nanos{30});
  EXPECT_TRUE(router.withdraw(*again[0]));
  EXPECT_FALSE(router.withdraw(*again[0]));
}

TEST(RouterFleet, ASessionGetsAnotherHome) {
  SmallCluster cluster(2);
  Router router(cluster.schedulers, RoutingPolicy::session);
  Workload workload = at({1, 1, 1});
  workload.sessions = {{"s", 0, 3}};
  for (std::int32_t call = 0; call < 3; ++call) {
    workload.requests[static_cast<std::size_t>(call)].session = 0;
    workload.requests[static_cast<std::size_t>(call)].session_call = call;
  }
  router.load(workload);
  const auto serve = [&](std::size_t call, std::int64_t now) {
    router.route_arrived(Nanos{now});
    Scheduler& scheduler =
        *cluster.schedulers[static_cast<std::size_t>(router.requests()[call].instance)];
    for (std::int64_t step = 0; !scheduler.empty(); ++step) {
      for (Request* request : finish(scheduler, schedule(scheduler, now)->id, now).ended) {
        router.on_complete(*request, Nanos{now});
      }
    }
  };
  serve(0, 1);
  router.set_available(0, false);
  serve(1, 2);
  router.set_available(0, true);
  serve(2, 3);
  EXPECT_THAT(owners(router), ElementsAre(0, 1, 1));
}

TEST(LoseAll, LeavesTheInstanceAsNewAndTheRequestsWithTheirTokens) {
  SmallCluster cluster({PdType::none}, 20);
  Scheduler& scheduler = *cluster.schedulers[0];
  Router router(cluster.schedulers, RoutingPolicy::load);
  const Workload workload = at({1, 1, 1});
  router.load(workload);
  router.route_arrived(Nanos{1});
  finish(scheduler, schedule(scheduler, 1)->id, 2);
  const Batch* flying = schedule(scheduler, 2);
  ASSERT_NE(flying, nullptr);
  const std::int64_t peak = scheduler.kv().npu_pool().peak_used();
  EXPECT_GT(peak, 0);
  const std::vector<Request*> lost = scheduler.lose_all(1);
  ASSERT_EQ(lost.size(), 3U);
  EXPECT_TRUE(scheduler.empty());
  EXPECT_TRUE(scheduler.kv().npu_pool().all_free());
  EXPECT_EQ(scheduler.kv().npu_pool().peak_used(), peak);
  EXPECT_EQ(scheduler.kv().cached_tokens(*lost[0]), 0);
  for (const Request* request : lost) {
    EXPECT_EQ(request->num_tokens, 9);  // the first token has been delivered
    EXPECT_EQ(request->num_computed, 0);
    EXPECT_EQ(request->num_in_flight, 0);
    EXPECT_EQ(request->ttft, Nanos{1});
  }
  // What is left of the step that was in flight is heard by nobody.
  EXPECT_FALSE(finish(scheduler, 1, 3).batch_done);
  scheduler.add_request(*lost[1]);
  const Batch* batch = schedule(scheduler, 4);
  EXPECT_EQ(batch->id, 1);
  EXPECT_EQ(text(batch), "r1 9@0");
}

}  // namespace
}  // namespace lockstep::testing
