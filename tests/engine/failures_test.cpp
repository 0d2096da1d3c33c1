// Instances that fail and restart: nothing is lost but time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/error.hpp"
#include "engine/quiet_run.hpp"

namespace lockstep {
namespace {

using testing::Calls;
using testing::Outcome;
using testing::quiet_run;
using testing::QuietRun;
using testing::ToyCluster;

struct Failing {
  std::size_t instance = 0;
  std::string list;  ///< the key's text
};

ToyCluster cluster_of(std::size_t count, const std::vector<Failing>& failing, int tp = 1,
                      int pp = 1, const std::string& more = "") {
  ToyCluster toy(count, testing::replica_of("toy/dense", tp, pp));
  for (testing::Replica& replica : toy.replicas) {
    replica.more = more;
  }
  for (const Failing& one : failing) {
    std::string& keys = toy.replicas[one.instance].more;
    keys += (keys.empty() ? "" : ",") + fmt::format(R"("failures":{})", one.list);
  }
  return toy;
}

RunOptions vllm(bool fold = true) {
  RunOptions options = testing::round_robin();
  options.fidelity = Fidelity::vllm;
  options.fold_layers = fold;
  options.log_interval = 0.01;
  return options;
}

Calls six_calls() {
  Calls calls;
  for (int k = 0; k < 6; ++k) {
    calls.add(100'000 * k, 60 + 40 * k, 30);
  }
  return calls;
}

/// Tokens conserved, times add up, no block lost. Who moved has waited and is served elsewhere.
void expect_all_served(const Outcome& outcome, const Calls& calls) {
  testing::expect_sound(outcome, calls);
}

TEST(Failures, RequestsAreServedByTheOthers) {
  const Calls calls = six_calls();
  const ToyCluster toy = cluster_of(2, {{1, R"([{"at":0.002}])"}});
  const Outcome outcome = testing::run_toy(toy, calls, vllm());
  expect_all_served(outcome, calls);
  ASSERT_TRUE(outcome.result.fleet);
  EXPECT_EQ(outcome.result.fleet->failures, 1);
  EXPECT_EQ(outcome.result.fleet->moved_requests, 3);
  EXPECT_TRUE(outcome.done[1].empty());
  EXPECT_EQ(outcome.done[0].size(), 6U);
  const Outcome plain = testing::run_toy(cluster_of(2, {}), calls, vllm());
  EXPECT_FALSE(plain.result.fleet);
  EXPECT_GT(outcome.last_end(), plain.last_end());
}

/// Tokens that the client has got stay with it: one gap is longer, and TTFT stays.
TEST(Failures, WhatIsStreamedStaysDelivered) {
  Calls calls;
  calls.add(0, 64, 200);
  const Outcome plain = testing::run_toy(cluster_of(1, {}), calls, vllm());
  const Request before = plain.by_id()[0];
  // In the middle of the stream.
  const double at = static_cast<double>(before.end_time.count()) / 2e9;
  const ToyCluster toy = cluster_of(1, {{0, fmt::format(R"([{{"at":{},"down_for":1.5}}])", at)}});
  const Outcome outcome = testing::run_toy(toy, calls, vllm());
  expect_all_served(outcome, calls);
  const Request after = outcome.by_id()[0];
  EXPECT_EQ(after.ttft, before.ttft);
  EXPECT_EQ(std::ranges::count_if(after.itl, [](Nanos gap) { return gap > Nanos{1'000'000'000}; }),
            1);
  EXPECT_GT(after.latency, before.latency + Nanos{1'500'000'000});
  EXPECT_LT(after.latency, before.latency + Nanos{1'600'000'000});
}

TEST(Failures, DetectionTakesItsTime) {
  Calls calls;
  calls.add(0, 64, 200);
  const auto end = [&](const char* detected) {
    const ToyCluster toy =
        cluster_of(2, {{0, fmt::format(R"([{{"at":0.002,"detected_after":{}}}])", detected)}});
    return testing::run_toy(toy, calls, vllm()).last_end();
  };
  EXPECT_EQ(end("0.25") - end("0"), Nanos{250'000'000});
}

TEST(Failures, AfterTheLastCompletionTheyChangeNothing) {
  const Calls calls = six_calls();
  const Outcome plain = testing::run_toy(cluster_of(2, {}), calls, vllm());
  const Outcome late = testing::run_toy(
      cluster_of(2, {{0, R"([{"at":500}])"}, {1, R"([{"at":500,"down_for":3}])"}}), calls, vllm());
  EXPECT_EQ(testing::results(late), testing::results(plain));
  EXPECT_EQ(late.result.total_clocks, plain.result.total_clocks);
  EXPECT_EQ(late.result.fleet->failures, 0);
}

/// Idle before, between and at the arrivals of others.
TEST(Failures, ARestartAtOnceOfAnIdleInstanceChangesNothing) {
  Calls calls;
  calls.add(0, 60, 20).add(2'000'000'000, 80, 20).add(2'000'000'000, 50, 30);
  RunOptions options = vllm();
  options.enable_prefix_caching = false;
  for (const char* at : {"0", "1", "1.999999999", "2"}) {
    const ToyCluster toy = cluster_of(2, {{1, fmt::format(R"([{{"at":{0},"down_for":0}}])", at)},
                                          {0, R"([{"at":1.5,"down_for":0}])"}});
    // The third request is the second one's company; at 2 s instance 1 has nothing yet.
    EXPECT_EQ(testing::results(testing::run_toy(toy, calls, options)),
              testing::results(testing::run_toy(cluster_of(2, {}), calls, options)))
        << at;
  }
}

TEST(Failures, TheCacheIsGone) {
  Calls calls;
  for (const std::int64_t arrival : {0, 1'000'000'000}) {
    WorkloadRequest request;
    request.input_toks = 64;
    request.output_toks = 4;
    request.arrival = Nanos{arrival};
    request.input_ids.assign(64, 5);
    calls.add(std::move(request));
  }
  const auto hits = [&](const std::vector<Failing>& failing) {
    return testing::run_toy(cluster_of(1, failing), calls, vllm()).result.prefix.npu_hit;
  };
  EXPECT_EQ(hits({}), 48);
  EXPECT_EQ(hits({{0, R"([{"at":0.5,"down_for":0.1}])"}}), 0);
}

TEST(Failures, WithNobodyUpRequestsWaitAtTheRouter) {
  const Calls calls = six_calls();
  const ToyCluster toy = cluster_of(
      2, {{0, R"([{"at":0.0001,"down_for":4}])"}, {1, R"([{"at":0.0001,"down_for":3}])"}});
  const Outcome outcome = testing::run_toy(toy, calls, vllm());
  expect_all_served(outcome, calls);
  for (const Request& request : outcome.by_id()) {
    EXPECT_GE(request.ttft + request.arrival, Nanos{3'000'100'000}) << request.id;
  }
}

TEST(Failures, WithNobodyEverUpItIsAnErrorThatSaysWhoWaits) {
  const Calls calls = six_calls();
  const ToyCluster toy = cluster_of(2, {{0, R"([{"at":0.0001}])"}, {1, R"([{"at":0.0002}])"}});
  try {
    testing::run_toy(toy, calls, vllm());
    FAIL() << "the run ended";
  } catch (const UserError& error) {
    EXPECT_THAT(error.problem(), ::testing::HasSubstr("router: 6 requests wait"));
    EXPECT_THAT(error.problem(), ::testing::HasSubstr("instance 0 is down since 0.0001 s"));
    EXPECT_THAT(error.problem(), ::testing::HasSubstr("instance 1 is down since 0.0002 s"));
  }
}

/// A second failure while what the first has left on the NPUs runs out.
TEST(Failures, MayFollowEachOtherWithinAStep) {
  const Calls calls = six_calls();
  for (const auto& [tp, pp] :
       {std::pair{1, 1}, std::pair{2, 1}, std::pair{4, 1}, std::pair{1, 2}, std::pair{2, 2}}) {
    SCOPED_TRACE(fmt::format("tp {} pp {}", tp, pp));
    const ToyCluster toy = cluster_of(
        1,
        {{0, R"([{"at":0.001,"down_for":1e-8},{"at":0.0010002,"down_for":0},{"at":0.00100021,)"
             R"("down_for":1e-6},{"at":0.003,"down_for":1e-6}])"}},
        tp, pp);
    const Outcome outcome = testing::run_toy(toy, calls, vllm());
    expect_all_served(outcome, calls);
    EXPECT_EQ(outcome.result.fleet->failures, 4);
  }
}

RC_GTEST_PROP(Failures, NothingIsLostAndNobodyCanTellOfStepsLeftOut, ()) {
  const int tp = *rc::gen::element(1, 1, 2, 4);
  const auto count = *rc::gen::inRange<std::size_t>(1, 4);
  std::vector<Failing> failing;
  for (std::size_t i = 0; i < count; ++i) {
    std::string list;
    double time = 0;
    for (int k = *rc::gen::inRange(0, 3); k > 0; --k) {
      time += *rc::gen::inRange(0, 40'000) * 1e-6;
      const double down = *rc::gen::element(0.0, 1e-5, 0.003, 0.02);
      list += fmt::format(R"({}{{"at":{},"down_for":{},"detected_after":{}}})",
                          list.empty() ? "" : ",", time, down, *rc::gen::element(0.0, 0.001));
      time += down;
    }
    failing.push_back({i, "[" + list + "]"});
  }
  const ToyCluster toy = cluster_of(count, failing, tp, 1,
                                    fmt::format(R"("max_num_seqs":{})", *rc::gen::element(256, 3)));
  Calls calls;
  std::int64_t arrival = 0;
  for (int k = *rc::gen::inRange(1, 12); k > 0; --k) {
    arrival += *rc::gen::element<std::int64_t>(0, 20'000, 700'000, 9'000'000);
    const auto input = *rc::gen::inRange<std::int64_t>(1, 200);
    const auto output = *rc::gen::inRange<std::int64_t>(1, 90);
    if (*rc::gen::element(false, true)) {
      calls.session(arrival, *rc::gen::inRange(1, 4), input, output, 300'000);
    } else {
      calls.add(arrival, input, output);
    }
  }
  RunOptions fast = vllm();
  fast.request_routing_policy =
      *rc::gen::element(RoutingPolicy::load, RoutingPolicy::round_robin, RoutingPolicy::random,
                        RoutingPolicy::prefix, RoutingPolicy::session);
  fast.block_size = *rc::gen::element(4, 16);
  RunOptions plain = fast;
  plain.fold_layers = false;
  const QuietRun want = quiet_run(toy, calls, plain);
  const QuietRun got = quiet_run(toy, calls, fast);
  RC_CLASSIFY(want.moved > 0, "requests moved");
  testing::expect_nobody_can_tell(got, want, toy, calls);
  RC_ASSERT(want.generated == calls.output_tokens());
}

TEST(Failures, WhatCannotFailIsAnError) {
  const auto refused = [](const ToyCluster& toy, Fidelity fidelity, const char* part) {
    testing::expect_refused(toy, fidelity, part, "failures");
  };
  refused(cluster_of(1, {{0, R"([{"at":1}])"}}), Fidelity::reference, "reference");
  ToyCluster grouped(2, testing::replica_of("toy/moe", 1, 1, 2));
  grouped.replicas[0].group = grouped.replicas[1].group = "A";
  grouped.replicas[0].more = R"("failures":[{"at":1}])";
  refused(grouped, Fidelity::vllm, "data-parallel group");
  ToyCluster pair = cluster_of(2, {{0, R"([{"at":1}])"}});
  pair.replicas[0].pd = "prefill";
  pair.replicas[1].pd = "decode";
  refused(pair, Fidelity::vllm, "prefill/decode");
  refused(cluster_of(1, {{0, R"([{"at":1,"down_for":2},{"at":2}])"}}), Fidelity::vllm,
          "fails at 2 s while it is down since 1 s");
  refused(cluster_of(1, {{0, R"([{"at":2},{"at":1}])"}}), Fidelity::vllm, "while it is down");
  refused(cluster_of(1, {{0, R"([{"at":-1}])"}}), Fidelity::vllm, "");
  refused(cluster_of(1, {{0, R"([{"at":1e12}])"}}), Fidelity::vllm, "10^9 seconds");
}

}  // namespace
}  // namespace lockstep
