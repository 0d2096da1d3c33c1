// Policies that know what an instance has kept: PREFIX and SESSION.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <numeric>

#include "serving/router.hpp"
#include "small_cluster.hpp"

namespace lockstep::testing {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

/// Requests of 16 + 2 tokens, one after another in time; those of one topic share 12 tokens.
Workload topics(const std::vector<std::int32_t>& of) {
  Workload workload;
  for (const std::int32_t topic : of) {
    WorkloadRequest& request = workload.requests.emplace_back();
    request.id = std::ssize(workload.requests) - 1;
    request.input_toks = 16;
    request.output_toks = 2;
    request.arrival = Nanos{100 * request.id};
    request.input_ids.assign(12, topic);
    const auto own = static_cast<std::int32_t>(1000 + request.id);
    request.input_ids.insert(request.input_ids.end(), 4, own);
  }
  return workload;
}

/// Routes in time order; what an instance has is computed and done before the next arrival, unless
/// `busy`: then requests only pile up.
std::vector<std::int32_t> route(SmallCluster& cluster, Router& router, const Workload& workload,
                                bool busy = false) {
  for (const WorkloadRequest& request : workload.requests) {
    router.route_arrived(request.arrival);
    for (Scheduler* scheduler : cluster.schedulers) {
      std::int64_t now = request.arrival.count();
      while (!busy && !scheduler->empty()) {
        const Batch* batch = schedule(*scheduler, ++now);
        finish(*scheduler, batch->id, now);
      }
    }
  }
  std::vector<std::int32_t> out;
  for (const Request& request : router.requests()) {
    out.push_back(request.instance);
  }
  return out;
}

std::vector<std::int32_t> route(std::size_t instances, RoutingPolicy policy,
                                const Workload& workload, const PrefixRouting& settings = {},
                                bool busy = false) {
  SmallCluster cluster(instances);
  Router router(cluster.schedulers, policy, settings);
  router.load(workload);
  return route(cluster, router, workload, busy);
}

TEST(PrefixRouting, APromptFollowsItsPrefix) {
  EXPECT_THAT(route(3, RoutingPolicy::prefix, topics({1, 2, 3, 2, 2, 1, 3, 3, 1})),
              ElementsAre(0, 1, 2, 1, 1, 0, 2, 2, 0));
}

TEST(PrefixRouting, AShareOfThePromptMustBeCached) {
  const auto with = [](double threshold) {
    return route(2, RoutingPolicy::prefix, topics({1, 1, 1}), {threshold, 64, 1.5});
  };
  EXPECT_THAT(with(0.74), ElementsAre(0, 0, 0));
  EXPECT_THAT(with(0.75), ElementsAre(0, 1, 0));  // 12 of 16 tokens are not more than that
}

TEST(PrefixRouting, APileIsNotAddedToOnceTheLoadIsOutOfBalance) {
  const PrefixRouting settings{0.3, 2, 1.5};
  // The first makes its prefix; while the rest pile up, the third instance's load decides. All
  // of one topic: the home takes until it has 3 requests more than the idlest.
  SmallCluster cluster(2);
  Router router(cluster.schedulers, RoutingPolicy::prefix, settings);
  const Workload workload = topics(std::vector<std::int32_t>(8, 7));
  router.load(workload);
  router.route_arrived(Nanos{0});
  const Batch* batch = schedule(*cluster.schedulers[0], 1);  // its prompt is indexed from now on
  ASSERT_NE(batch, nullptr);
  router.route_arrived(Nanos{700});
  std::vector<std::int32_t> owners;
  for (const Request& request : router.requests()) {
    owners.push_back(request.instance);
  }
  // 3 : 0 is out of balance, then 3 : 1 is not, 4 : 1 is, 4 : 2 is not, 5 : 2 is.
  EXPECT_THAT(owners, ElementsAre(0, 0, 0, 1, 0, 1, 0, 1));
}

TEST(PrefixRouting, BothThresholdsMustBePassed) {
  SmallCluster cluster(2);
  Router router(cluster.schedulers, RoutingPolicy::round_robin);
  const Workload workload = topics(std::vector<std::int32_t>(9, 1));
  router.load(workload);
  router.route_arrived(Nanos{800});  // 5 and 4
  EXPECT_FALSE(out_of_balance(cluster.schedulers, {0.3, 1, 1.0}));
  EXPECT_TRUE(out_of_balance(cluster.schedulers, {0.3, 0, 1.0}));
  EXPECT_FALSE(out_of_balance(cluster.schedulers, {0.3, 0, 1.25}));
  EXPECT_TRUE(out_of_balance(cluster.schedulers, {0.3, 0, 1.2}));
}

TEST(PrefixRouting, LookingChangesNothing) {
  SmallCluster cluster({PdType::none}, 8);
  Scheduler& scheduler = *cluster.schedulers[0];
  const Workload workload = topics({1, 2, 1});
  Router router(cluster.schedulers, RoutingPolicy::round_robin);
  router.load(workload);
  for (std::int64_t now = 0; now < 2; ++now) {
    router.route_arrived(workload.requests[static_cast<std::size_t>(now)].arrival);
    while (!scheduler.empty()) {
      finish(scheduler, schedule(scheduler, 500)->id, 500);
    }
  }
  const auto order = scheduler.kv().npu_pool().free_list();
  const PrefixStats stats = scheduler.kv().npu_stats();
  Request request = make_request(workload.requests[2], Prompts::computed);
  EXPECT_THAT(holders_of_prefix(request, cluster.schedulers, {}), ElementsAre(true));
  EXPECT_EQ(scheduler.kv().cached_tokens(request), 12);
  EXPECT_EQ(scheduler.kv().cached_tokens(request), scheduler.kv().look_up(request, true).tokens());
  EXPECT_EQ(scheduler.kv().npu_pool().free_list(), order);
  EXPECT_EQ(scheduler.kv().npu_stats().requested, stats.requested);
  EXPECT_EQ(scheduler.kv().npu_stats().hit, stats.hit);
}

TEST(PrefixRouting, InstancesMayHashInOtherBlocks) {
  SmallCluster cluster(2);
  cluster.instances[1].block_size = 8;
  cluster.owned[1] = std::make_unique<Scheduler>(cluster.instances[1], cluster.policy,
                                                 make_kv(cluster.instances[1], 100, nullptr));
  cluster.schedulers[1] = cluster.owned[1].get();
  Router router(cluster.schedulers, RoutingPolicy::prefix);
  const Workload workload = topics({1, 2, 2, 1, 2});
  router.load(workload);
  EXPECT_THAT(route(cluster, router, workload), ElementsAre(0, 1, 1, 0, 1));
  EXPECT_EQ(cluster.schedulers[1]->kv().npu_stats().hit, 2 * 8);
  EXPECT_EQ(cluster.schedulers[0]->kv().npu_stats().hit, 12);
}

TEST(PrefixRouting, DecodeInstancesAreChosenByLoad) {
  SmallCluster cluster({PdType::prefill, PdType::prefill, PdType::decode, PdType::decode});
  Router router(cluster.schedulers, RoutingPolicy::prefix);
  Router loads(cluster.schedulers, RoutingPolicy::load);
  Request request;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(&router.choose_decode(request), &loads.choose_decode(request));
  }
}

RC_GTEST_PROP(PrefixRouting, WithoutSharedPrefixesItIsTheLeastLoaded, ()) {
  const auto count = *rc::gen::inRange<std::size_t>(1, 40);
  std::vector<std::int32_t> own(count);
  std::iota(own.begin(), own.end(), 1);
  const auto instances = *rc::gen::inRange<std::size_t>(1, 6);
  const bool busy = *rc::gen::arbitrary<bool>();
  RC_ASSERT(route(instances, RoutingPolicy::prefix, topics(own), {}, busy) ==
            route(instances, RoutingPolicy::load, topics(own), {}, busy));
}

/// `sessions` sessions of `calls` calls that arrive mixed, after `flat` flat requests.
Workload mixed(std::int32_t sessions, std::int32_t calls, std::int32_t flat) {
  Workload workload =
      topics(std::vector<std::int32_t>(static_cast<std::size_t>(sessions * calls + flat), 1));
  for (std::int32_t s = 0; s < sessions; ++s) {
    workload.sessions.push_back({"s", s * calls, calls});
    for (std::int32_t call = 0; call < calls; ++call) {
      WorkloadRequest& request = workload.requests[static_cast<std::size_t>(s * calls + call)];
      request.session = s;
      request.session_call = call;
      request.arrival = Nanos{10 * s};
      request.tool_duration = Nanos{7};
    }
  }
  return workload;
}

/// Owners by request id, all calls done.
std::vector<std::int32_t> run_sessions(std::size_t instances, RoutingPolicy policy,
                                       const Workload& workload) {
  SmallCluster cluster(instances);
  Router router(cluster.schedulers, policy);
  router.load(workload);
  for (std::int64_t now = 0; router.has_pending() || router.has_open_sessions(); ++now) {
    router.route_arrived(Nanos{now});
    for (Scheduler* scheduler : cluster.schedulers) {
      if (const Batch* batch = schedule(*scheduler, now)) {
        for (Request* request : finish(*scheduler, batch->id, now).ended) {
          router.on_complete(*request, Nanos{now});
        }
      }
    }
  }
  std::vector<std::int32_t> owners;
  for (const Request& request : router.requests()) {
    owners.push_back(request.instance);
  }
  return owners;
}

RC_GTEST_PROP(SessionRouting, NeverSplitsASession, ()) {
  const auto sessions = *rc::gen::inRange(1, 8);
  const auto calls = *rc::gen::inRange(1, 6);
  const auto flat = *rc::gen::inRange(0, 6);
  const auto instances = *rc::gen::inRange<std::size_t>(1, 6);
  const auto owners = run_sessions(instances, RoutingPolicy::session, mixed(sessions, calls, flat));
  for (std::int32_t s = 0; s < sessions; ++s) {
    for (std::int32_t call = 1; call < calls; ++call) {
      RC_ASSERT(owners[static_cast<std::size_t>(s * calls + call)] ==
                owners[static_cast<std::size_t>(s * calls)]);
    }
  }
}

TEST(SessionRouting, FirstCallsAndFlatRequestsGoByLoad) {
  const auto owners = run_sessions(4, RoutingPolicy::session, mixed(4, 3, 0));
  EXPECT_THAT(owners, ElementsAre(0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3));
  EXPECT_THAT(run_sessions(3, RoutingPolicy::session, mixed(0, 1, 5)),
              run_sessions(3, RoutingPolicy::load, mixed(0, 1, 5)));
}

TEST(SessionRouting, ASessionHasAHomeForEachRole) {
  SmallCluster cluster({PdType::prefill, PdType::decode, PdType::decode});
  Router router(cluster.schedulers, RoutingPolicy::session);
  const Workload workload = mixed(2, 2, 0);
  router.load(workload);
  const auto decode_of = [&](std::size_t request) {
    return router.choose_decode(router.requests()[request]).instance().id;
  };
  EXPECT_EQ(decode_of(0), 1);
  EXPECT_EQ(decode_of(2), 2);
  EXPECT_EQ(decode_of(3), 2);
  EXPECT_EQ(decode_of(1), 1);
}

TEST(Affinity, OneInstanceIsRoundRobin) {
  const Workload workload = mixed(3, 2, 4);
  EXPECT_EQ(run_sessions(1, RoutingPolicy::session, workload),
            run_sessions(1, RoutingPolicy::round_robin, workload));
  EXPECT_THAT(run_sessions(1, RoutingPolicy::prefix, workload), Each(0));
}

}  // namespace
}  // namespace lockstep::testing
