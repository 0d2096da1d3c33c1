// Instances that are started and stopped by the load.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/error.hpp"
#include "engine/autoscaler.hpp"
#include "engine/quiet_run.hpp"

namespace lockstep {
namespace {

using testing::Calls;
using testing::Outcome;
using testing::quiet_run;
using testing::QuietRun;
using testing::ToyCluster;

constexpr Nanos kSecond{1'000'000'000};

Autoscaling settings(std::int64_t min, std::int64_t max, double target) {
  return {min, max, target, kSecond * 3, kSecond, kSecond * 4, 0.1};
}

std::int64_t serving(const Autoscaler& scaler, std::size_t count) {
  std::int64_t number = 0;
  for (std::size_t i = 0; i < count; ++i) {
    number += scaler.takes_requests(i) ? 1 : 0;
  }
  return number;
}

TEST(Autoscaler, StartsWhatTheTargetAsksForAfterAColdStart) {
  Autoscaler scaler(settings(1, 4, 10), 5);
  EXPECT_EQ(scaler.next_time(Nanos{5}, true), kSecond);
  EXPECT_FALSE(scaler.look(kSecond, 25));  // 3 are wanted, two of them start
  EXPECT_EQ(serving(scaler, 5), 1);
  EXPECT_EQ(scaler.use(kSecond).starts, 2);
  EXPECT_FALSE(scaler.look(kSecond * 2, 26));  // those that start count: no more
  EXPECT_EQ(scaler.use(kSecond).starts, 2);
  EXPECT_FALSE(scaler.look(kSecond * 3, 26));
  EXPECT_TRUE(scaler.look(kSecond * 4, 26));
  EXPECT_EQ(serving(scaler, 5), 3);
  EXPECT_FALSE(scaler.look(kSecond * 5, 1000));  // never more than max
  EXPECT_TRUE(scaler.look(kSecond * 8, 1000));
  EXPECT_EQ(serving(scaler, 5), 4);
  EXPECT_FALSE(scaler.takes_requests(4));
  EXPECT_EQ(scaler.use(kSecond * 8).most_on, 4);
  // 8 s of the first, 7 s of two, 3 s of the last.
  EXPECT_DOUBLE_EQ(scaler.use(kSecond * 8).instance_seconds, 8 + 2 * 7 + 3);
}

TEST(Autoscaler, WithinTheToleranceNothingChanges) {
  for (const auto& [requests, starts] : {std::pair{21, 0}, std::pair{23, 1}}) {
    Autoscaler scaler(settings(1, 4, 20), 4);
    scaler.look(kSecond, requests);
    EXPECT_EQ(scaler.use(kSecond).starts, starts) << requests;
  }
}

TEST(Autoscaler, FallsToTheMostThatWasWantedWithinTheDelay) {
  Autoscaler scaler({1, 4, 10, Nanos{0}, kSecond, kSecond * 4, 0.1}, 4);
  EXPECT_TRUE(scaler.look(kSecond, 40));  // no cold start: they serve at once
  EXPECT_EQ(serving(scaler, 4), 4);
  for (int second = 2; second <= 5; ++second) {
    EXPECT_FALSE(scaler.look(kSecond * second, second == 3 ? 25 : 0)) << second;
  }
  EXPECT_TRUE(scaler.look(kSecond * 6, 0));  // 40 were 5 s ago, 25 are 3 s ago
  EXPECT_EQ(serving(scaler, 4), 3);
  EXPECT_TRUE(scaler.drains(3));
  scaler.drained(3, kSecond * 7);
  EXPECT_TRUE(scaler.look(kSecond * 8, 0));
  EXPECT_EQ(serving(scaler, 4), 1);
  EXPECT_TRUE(scaler.drains(1));
  EXPECT_TRUE(scaler.drains(2));
  // Those that drain are not taken back: the one that is off starts.
  EXPECT_TRUE(scaler.look(kSecond * 9, 20));
  EXPECT_TRUE(scaler.takes_requests(3));
  EXPECT_FALSE(scaler.takes_requests(1));
  EXPECT_DOUBLE_EQ(scaler.use(kSecond * 9).instance_seconds, 9 + 8 + 8 + 6 + 0);
}

TEST(Autoscaler, OneThatStartsIsOffAtOnce) {
  Autoscaler scaler({1, 2, 10, kSecond * 60, kSecond, Nanos{0}, 0.1}, 2);
  scaler.look(kSecond, 20);
  scaler.look(kSecond * 3, 0);
  EXPECT_FALSE(scaler.drains(1));
  EXPECT_DOUBLE_EQ(scaler.use(kSecond * 100).instance_seconds, 100 + 2);
}

TEST(Autoscaler, LooksNoFurtherWhereNothingMoves) {
  Autoscaler scaler(settings(1, 4, 10), 4);
  scaler.look(kSecond, 0);
  EXPECT_EQ(scaler.next_time(kSecond, false), Nanos::max());
  EXPECT_EQ(scaler.next_time(Nanos{7'300'000'000}, true), kSecond * 8);
  EXPECT_EQ(Autoscaler(settings(2, 2, 10), 2).next_time(kSecond, true), Nanos::max());
}

ToyCluster scaled(std::size_t count, const std::string& keys) {
  ToyCluster toy(count, testing::replica_of("toy/dense"));
  toy.network = "{}";
  if (!keys.empty()) {
    toy.network += R"(,"autoscaling":)" + keys;
  }
  return toy;
}

RunOptions vllm() {
  RunOptions options;
  options.fidelity = Fidelity::vllm;
  options.log_interval = 0.01;
  return options;
}

/// A wave of requests, then few, then another wave.
Calls waves() {
  Calls calls;
  for (int k = 0; k < 60; ++k) {
    calls.add(k < 30 ? 100'000 * k : 60'000'000 + 100'000 * k, 100, 40);
  }
  return calls;
}

constexpr const char* kQuick =
    R"({"min":1,"max":3,"target_requests":4,"cold_start_s":0.001,"interval_s":0.001,)"
    R"("scale_down_delay_s":0.004})";

TEST(Autoscaling, OfAWholeRun) {
  const Calls calls = waves();
  const Outcome few = testing::run_toy(scaled(4, kQuick), calls, vllm());
  testing::expect_sound(few, calls);
  const FleetUse& use = *few.result.fleet;
  EXPECT_EQ(use.most_on, 3);
  EXPECT_GE(use.starts, 4);  // again for the second wave
  EXPECT_TRUE(few.done[3].empty());
  EXPECT_FALSE(few.done[2].empty());
  const double seconds = static_cast<double>(few.result.total_clocks.count()) / 1e9;
  EXPECT_GT(use.instance_seconds, seconds);
  EXPECT_LT(use.instance_seconds, 2.5 * seconds);
}

TEST(Autoscaling, OfAFixedNumberIsNone) {
  const Calls calls = waves();
  const Outcome fixed = testing::run_toy(
      scaled(3, R"({"min":3,"max":3,"target_requests":1,"cold_start_s":1})"), calls, vllm());
  const Outcome none = testing::run_toy(scaled(3, ""), calls, vllm());
  EXPECT_EQ(testing::results(fixed), testing::results(none));
  EXPECT_EQ(fixed.result.total_clocks, none.result.total_clocks);
  EXPECT_DOUBLE_EQ(fixed.result.fleet->instance_seconds,
                   3 * static_cast<double>(fixed.result.total_clocks.count()) / 1e9);
  EXPECT_FALSE(none.result.fleet);
}

/// min 1 of three, and nobody asks for more: as one instance alone.
TEST(Autoscaling, WithALargeTargetOneServesAll) {
  const Calls calls = waves();
  const Outcome one = testing::run_toy(
      scaled(3, R"({"min":1,"target_requests":1e6,"cold_start_s":0,"interval_s":0.001})"), calls,
      vllm());
  const Outcome alone = testing::run_toy(scaled(1, ""), calls, vllm());
  EXPECT_EQ(testing::results(one), testing::results(alone));
}

/// The faster instances are there, the earlier the last request ends, up to all being on.
TEST(Autoscaling, ColdStartsDelay) {
  const Calls calls = waves();
  const auto mean_latency = [&](const std::string& cold) {
    const Outcome outcome = testing::run_toy(
        scaled(3,
               R"({"min":1,"target_requests":2,"interval_s":0.0005,"cold_start_s":)" + cold + "}"),
        calls, vllm());
    testing::expect_sound(outcome, calls);
    double sum = 0;
    for (const Request& request : outcome.by_id()) {
      sum += static_cast<double>(request.latency.count());
    }
    return sum;
  };
  const double at_once = mean_latency("0");
  const double slowly = mean_latency("0.02");
  const double never = mean_latency("1000");
  EXPECT_LT(at_once, slowly);
  EXPECT_LT(slowly, never);
}

RC_GTEST_PROP(Autoscaling, NothingIsLostAndNobodyCanTellOfStepsLeftOut, ()) {
  const auto count = *rc::gen::inRange<std::size_t>(1, 5);
  const auto max = *rc::gen::inRange<std::size_t>(1, count + 1);
  const auto min = *rc::gen::inRange<std::size_t>(1, max + 1);
  const ToyCluster toy = scaled(
      count,
      fmt::format(R"({{"min":{},"max":{},"target_requests":{},"cold_start_s":{},"interval_s":{},)"
                  R"("scale_down_delay_s":{},"tolerance":{}}})",
                  min, max, *rc::gen::element(0.5, 1.0, 3.0), *rc::gen::element(0.0, 0.0007, 0.01),
                  *rc::gen::element(0.0003, 0.002), *rc::gen::element(0.0, 0.004),
                  *rc::gen::element(0.0, 0.1)));
  Calls calls;
  std::int64_t arrival = 0;
  for (int k = *rc::gen::inRange(1, 14); k > 0; --k) {
    arrival += *rc::gen::element<std::int64_t>(0, 20'000, 700'000, 9'000'000);
    calls.add(arrival, *rc::gen::inRange<std::int64_t>(1, 200),
              *rc::gen::inRange<std::int64_t>(1, 90));
  }
  RunOptions fast = vllm();
  fast.request_routing_policy =
      *rc::gen::element(RoutingPolicy::load, RoutingPolicy::round_robin, RoutingPolicy::session);
  RunOptions plain = fast;
  plain.fold_layers = false;
  const QuietRun want = quiet_run(toy, calls, plain);
  const QuietRun got = quiet_run(toy, calls, fast);
  RC_CLASSIFY(want.most_on > static_cast<std::int64_t>(min), "some were started");
  testing::expect_nobody_can_tell(got, want, toy, calls);
  RC_ASSERT(want.most_on <= static_cast<std::int64_t>(max));
}

TEST(Autoscaling, WhatCannotScaleIsAnError) {
  const auto refused = [](const ToyCluster& toy, Fidelity fidelity, const char* part) {
    testing::expect_refused(toy, fidelity, part, "autoscaling");
  };
  const auto of = [](const char* keys) { return scaled(2, keys); };
  refused(of(kQuick), Fidelity::vllm, "");  // max 3 of 2 instances
  const char* good = R"({"min":1,"target_requests":4,"cold_start_s":1})";
  refused(of(good), Fidelity::reference, "reference");
  ToyCluster pair = of(good);
  pair.replicas[0].pd = "prefill";
  pair.replicas[1].pd = "decode";
  refused(pair, Fidelity::vllm, "serve alone");
  ToyCluster failing = of(good);
  failing.replicas[0].more = R"("failures":[{"at":1}])";
  refused(failing, Fidelity::vllm, "not modelled together");
  refused(of(R"({"min":0,"target_requests":4,"cold_start_s":1})"), Fidelity::vllm, "");
  refused(of(R"({"min":1,"target_requests":0,"cold_start_s":1})"), Fidelity::vllm, "");
  refused(of(R"({"min":1,"target_requests":4,"cold_start_s":-1})"), Fidelity::vllm, "");
  refused(of(R"({"min":1,"target_requests":4,"cold_start_s":1,"interval_s":0})"), Fidelity::vllm,
          "all the time");
  refused(of(R"({"min":1,"target_requests":4})"), Fidelity::vllm, "cold_start_s");
}

}  // namespace
}  // namespace lockstep
