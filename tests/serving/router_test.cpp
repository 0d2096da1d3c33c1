#include "serving/router.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "small_cluster.hpp"

namespace lockstep::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

std::vector<std::int32_t> route(std::size_t instances, RoutingPolicy policy, std::size_t count) {
  SmallCluster cluster(instances);
  Router router(cluster.schedulers, policy);
  const Workload workload = flat(std::vector<std::int64_t>(count, 0));
  router.load(workload);
  router.route_arrived(Nanos{0});
  return owners(router);
}

TEST(Router, DrawsTheKnownRandomSequences) {
  EXPECT_THAT(route(2, RoutingPolicy::random, 16),
              ElementsAre(0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0));
  EXPECT_THAT(route(3, RoutingPolicy::random, 16),
              ElementsAre(2, 0, 0, 2, 1, 0, 0, 0, 2, 0, 2, 2, 2, 0, 2, 1));
  EXPECT_THAT(route(4, RoutingPolicy::random, 16),
              ElementsAre(0, 0, 2, 1, 1, 1, 0, 0, 3, 0, 0, 0, 1, 1, 0, 1));
  EXPECT_THAT(route(8, RoutingPolicy::random, 16),
              ElementsAre(1, 0, 4, 3, 3, 2, 1, 1, 6, 0, 0, 1, 3, 3, 0, 3));
}

TEST(Router, RotatesRoundRobin) {
  EXPECT_THAT(route(3, RoutingPolicy::round_robin, 7), ElementsAre(0, 1, 2, 0, 1, 2, 0));
}

TEST(Router, LoadGoesToTheFirstLeastLoadedInRotation) {
  EXPECT_THAT(route(3, RoutingPolicy::load, 7), ElementsAre(0, 1, 2, 0, 1, 2, 0));

  SmallCluster cluster(4);
  Router router(cluster.schedulers, RoutingPolicy::load);
  Workload workload = flat({1, 2, 3, 4, 5, 6, 7, 8, 100, 110}, 4, 20);
  workload.requests[0].output_toks = 2;  // ends before the ninth arrives
  workload.requests[7].output_toks = 5;  // and this one before the tenth
  workload.requests[3].output_toks = 6;
  router.load(workload);
  router.route_arrived(Nanos{8});
  EXPECT_THAT(owners(router), ElementsAre(0, 1, 2, 3, 0, 1, 2, 3, 0, 0));
  const auto step_all = [&](std::int64_t now) {
    for (Scheduler* scheduler : cluster.schedulers) {
      const Batch* batch = schedule(*scheduler, now);
      finish(*scheduler, batch->id, now + 1);
    }
  };
  step_all(10);
  step_all(11);
  ASSERT_THAT(cluster.schedulers[0]->num_running(), 1U);
  router.route_arrived(Nanos{100});  // 1, 2, 2, 2 run
  EXPECT_EQ(router.requests()[8].instance, 0);
  for (std::int64_t now = 101; cluster.schedulers[3]->num_running() > 0; ++now) {
    step_all(now);
  }
  router.route_arrived(Nanos{110});  // 2, 2, 2, 0 run; the counter stands at 1
  EXPECT_EQ(router.requests()[9].instance, 3);
}

TEST(Router, LoadIsRelativeToWhatAnInstanceCanRun) {
  SmallCluster cluster({PdType::none, PdType::none}, 1000, {2, 8});
  Router router(cluster.schedulers, RoutingPolicy::load);
  const Workload workload = flat({0, 0, 0, 0, 0, 0});
  router.load(workload);
  router.route_arrived(Nanos{0});
  EXPECT_THAT(owners(router), ElementsAre(0, 1, 1, 1, 1, 0));
}

TEST(Router, RoutesByArrivalWithTiesInFileOrder) {
  SmallCluster cluster(1);
  Router router(cluster.schedulers, RoutingPolicy::load);
  const Workload workload = flat({30, 10, 30, 20});
  router.load(workload);
  EXPECT_EQ(router.first_arrival(), Nanos{10});
  EXPECT_EQ(router.route_arrived(Nanos{9}), 0U);
  EXPECT_EQ(router.route_arrived(Nanos{25}), 2U);
  EXPECT_EQ(router.next_arrival(), Nanos{30});
  EXPECT_EQ(router.num_pending(), 2U);
  EXPECT_EQ(router.route_arrived(Nanos{30}), 2U);
  EXPECT_FALSE(router.has_pending());
  EXPECT_FALSE(router.next_arrival());
  EXPECT_EQ(text(schedule(*cluster.schedulers[0], 30)), "r1 4@0, r3 4@0, r0 4@0, r2 4@0");
}

TEST(Router, TheFirstEventIsAtOneAtTheEarliest) {
  SmallCluster cluster(1);
  Router empty(cluster.schedulers, RoutingPolicy::load);
  EXPECT_EQ(empty.first_arrival(), Nanos{1});
  const Workload workload = flat({0});
  empty.load(workload);
  EXPECT_EQ(empty.first_arrival(), Nanos{1});
}

Workload sessions() {
  Workload workload = flat({50, 0, 0, 60, 75, 75}, 4, 1);
  workload.sessions = {{"a", 0, 3}, {"b", 3, 1}};
  for (std::size_t i = 0; i < 3; ++i) {
    workload.requests[i].session = 0;
    workload.requests[i].session_call = static_cast<std::int32_t>(i);
    workload.requests[i].tool_duration = Nanos{15};
  }
  workload.requests[3].session = 1;
  return workload;
}

TEST(Router, CallsOfASessionFollowEachOther) {
  SmallCluster cluster(1);
  Scheduler& scheduler = *cluster.schedulers[0];
  Router router(cluster.schedulers, RoutingPolicy::load);
  const Workload workload = sessions();
  router.load(workload);
  EXPECT_EQ(router.num_pending(), 4U);
  EXPECT_EQ(router.num_sessions_open(), 2U);
  router.route_arrived(Nanos{50});
  Batch* batch = schedule(scheduler, 50);
  for (Request* request : finish(scheduler, batch->id, 60).ended) {
    router.on_complete(*request, Nanos{60});
  }
  // Released for 75, behind the flat requests of that time.
  EXPECT_EQ(router.num_pending(), 4U);
  EXPECT_EQ(router.requests()[1].arrival, Nanos{75});
  router.route_arrived(Nanos{74});
  EXPECT_EQ(router.num_pending(), 3U);
  router.route_arrived(Nanos{75});
  batch = schedule(scheduler, 75);
  EXPECT_EQ(text(batch), "r3 4@0, r1 4@0, r4 4@0, r5 4@0");  // the queue sorts by id
  for (Request* request : finish(scheduler, batch->id, 80).ended) {
    router.on_complete(*request, Nanos{80});
  }
  EXPECT_EQ(router.num_sessions_open(), 1U);
  router.route_arrived(Nanos{95});
  batch = schedule(scheduler, 95);
  EXPECT_EQ(text(batch), "r2 4@0");
  router.on_complete(*finish(scheduler, batch->id, 96).ended.at(0), Nanos{96});
  EXPECT_FALSE(router.has_open_sessions());
  EXPECT_FALSE(router.has_pending());
}

TEST(Router, AReleasedCallIsRoutedBehindEqualArrivals) {
  SmallCluster cluster(5);
  Router router(cluster.schedulers, RoutingPolicy::round_robin);
  const Workload workload = sessions();
  router.load(workload);
  router.route_arrived(Nanos{0});
  const Batch* batch = schedule(*cluster.schedulers[0], 50);
  EXPECT_EQ(batch, nullptr);  // the session starts at 50
  router.route_arrived(Nanos{50});
  batch = schedule(*cluster.schedulers[0], 50);
  router.on_complete(*finish(*cluster.schedulers[0], batch->id, 60).ended.at(0), Nanos{60});
  router.route_arrived(Nanos{75});
  EXPECT_THAT(owners(router), ElementsAre(0, 4, 0, 1, 2, 3));
}

TEST(Router, WithoutADatasetEveryInstanceGetsSixteen) {
  SmallCluster cluster({PdType::prefill, PdType::decode});
  Router router(cluster.schedulers, RoutingPolicy::load);
  router.load_built_in();
  EXPECT_FALSE(router.has_pending());
  for (const Scheduler* scheduler : cluster.schedulers) {
    EXPECT_EQ(scheduler->num_waiting(), 16U);
  }
  EXPECT_EQ(router.requests()[2].id, 1);
  EXPECT_EQ(router.requests()[2].instance, 1);
  EXPECT_EQ(router.requests()[2].output, 128);
}

TEST(Router, RefusesClustersAndPoliciesItCannotServe) {
  SmallCluster decode_only({PdType::decode});
  EXPECT_THROW(Router(decode_only.schedulers, RoutingPolicy::load), UserError);
  SmallCluster prefill_only({PdType::prefill});
  EXPECT_THROW(Router(prefill_only.schedulers, RoutingPolicy::load), UserError);
  SmallCluster pair({PdType::prefill, PdType::decode});
  EXPECT_THROW(Router(pair.schedulers, RoutingPolicy::custom), UserError);
  Router router(pair.schedulers, RoutingPolicy::load);
  const Workload workload = flat({0});
  EXPECT_THROW(router.load(workload, Prompts::in_place), UserError);
}

TEST(Router, TheIndexFindsWhomAScanFinds) {
  for (const std::size_t count : {1U, 2U, 3U, 5U, 8U, 13U}) {
    SmallCluster cluster(count);
    const Workload workload = flat(std::vector<std::int64_t>(200, 0));
    std::deque<Request> requests;
    LoadIndex index(cluster.schedulers);
    MersenneTwister random = MersenneTwister::from_key(7);
    for (std::size_t i = 0; i < workload.requests.size(); ++i) {
      const auto from = static_cast<std::size_t>(random.below(count));
      std::size_t want = from;
      for (std::size_t step = 0; step < count; ++step) {
        const std::size_t place = (from + step) % count;
        want = load_score(*cluster.schedulers[place]) < load_score(*cluster.schedulers[want])
                   ? place
                   : want;
      }
      ASSERT_EQ(index.least(from), want) << count << " instances, request " << i;
      Scheduler& scheduler = *cluster.schedulers[random.below(count)];
      scheduler.add_request(
          requests.emplace_back(make_request(workload.requests[i], Prompts::computed)));
      if (random.below(3) == 0) {  // some run, and some end
        Scheduler& other = *cluster.schedulers[random.below(count)];
        const std::int32_t npu = other.instance().first_npu;
        if (const Batch* batch = other.schedule(Nanos{0}, npu, 0)) {
          const std::int64_t id = batch->id;
          if (random.below(2) == 0) {
            other.add_done(id + 1, npu, Nanos{1});
            other.add_done(id + 1, other.instance().end_npu(), Nanos{1});
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace lockstep::testing
