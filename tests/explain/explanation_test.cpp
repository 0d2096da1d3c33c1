// Explanations of whole runs: the parts are the request's time, whatever the cluster.
#include "explain/explanation.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "engine/system_fixture.hpp"
#include "explain/explanation_text.hpp"

namespace lockstep {
namespace {

using testing::Calls;
using testing::Replica;
using testing::round_robin;
using testing::ToyCluster;
using testing::ToyModels;

Explanation explained(const ToyCluster& toy, const Calls& calls, std::int64_t request,
                      const RunOptions& options = round_robin()) {
  const Cluster cluster = parse_cluster(toy.json(), "toy.json", options, ToyModels::paths());
  KernelTimeLibrary library(PerfSources{});
  std::vector<std::shared_ptr<const KernelTimes>> times;
  for (const Instance& instance : cluster.instances) {
    times.push_back(library.times_for(instance));
  }
  const FidelityPolicy policy = FidelityPolicy::for_mode(options.fidelity);
  RequestWatch watch(cluster, request, std::move(times),
                     {options.expert_routing_policy, options.expert_exchange,
                      policy.single_block_without_copy, policy});
  Simulation simulation(cluster, options, &calls.workload(), library, watch);
  simulation.run();
  return explain(watch);
}

Nanos time_of(const ExplainedTime& time, Cause cause) {
  Nanos sum;
  for (const auto& [part, part_time] : time.parts) {
    sum += part.cause == cause ? part_time : Nanos{0};
  }
  return sum;
}

Nanos sum_of(const ExplainedTime& time) {
  Nanos sum;
  for (const auto& [part, part_time] : time.parts) {
    EXPECT_GT(part_time, Nanos{0});
    sum += part_time;
  }
  return sum;
}

ToyCluster of(int count, const std::string& model, int tp, int pp, int ep, bool group) {
  Replica replica;
  replica.model = model;
  replica.tp = tp;
  replica.pp = pp;
  replica.ep = ep;
  replica.group = group ? "A" : "";
  return {static_cast<std::size_t>(count), replica};
}

TEST(Explanation, OneNpuAloneOnlyComputes) {
  Calls calls;
  calls.add(0, 100, 5);
  const Explanation all = explained(of(1, "toy/dense", 1, 1, 1, false), calls, 0);
  EXPECT_EQ(all.steps.size(), 5U);
  EXPECT_EQ(all.tokens.size(), 4U);
  for (const auto& [part, time] : all.tokens.front().parts) {
    EXPECT_LE(part.cause, Cause::head) << part_name(part);
  }
  EXPECT_GT(time_of(all.ttft, Cause::attention), Nanos{0});
  EXPECT_GT(time_of(all.ttft, Cause::dense), Nanos{0});
}

TEST(Explanation, TwoNpusExchangeAlongADimension) {
  Calls calls;
  calls.add(0, 100, 3);
  const Explanation all = explained(of(1, "toy/dense", 2, 1, 1, false), calls, 0);
  EXPECT_GT(time_of(all.latency, Cause::collective), Nanos{0});
  EXPECT_EQ(time_of(all.latency, Cause::members), Nanos{0});
}

TEST(Explanation, StagesHandMessagesOn) {
  Calls calls;
  calls.add(0, 100, 3);
  const Explanation all = explained(of(1, "toy/dense", 1, 2, 1, false), calls, 0);
  EXPECT_GT(time_of(all.latency, Cause::transfer), Nanos{0});
}

TEST(Explanation, WhoComesDuringAStepWaitsForItsEnd) {
  Calls calls;
  calls.add(0, 1500, 8).add(20'000, 20, 4);  // the second arrives in the first one's prefill
  RunOptions options = round_robin();
  options.fidelity = Fidelity::vllm;
  const Explanation all = explained(of(1, "toy/dense", 1, 1, 1, false), calls, 1, options);
  const Nanos waited = time_of(all.ttft, Cause::running_step);
  EXPECT_GT(waited, Nanos{0}) << explanation_json(all);
  EXPECT_EQ(waited + time_of(all.ttft, Cause::queue), all.steps.front().formed - all.latency.begin);
}

TEST(Explanation, AMemberIsPaddedAndWaits) {
  Calls calls;
  calls.add(0, 20, 12).add(0, 900, 12);  // request 0 on instance 0 beside a long prompt on 1
  const Explanation all = explained(of(2, "toy/moe", 1, 1, 2, true), calls, 0);
  EXPECT_GT(all.steps.front().padding, 0);
  EXPECT_GT(time_of(all.latency, Cause::padding), Nanos{0});
  EXPECT_GT(time_of(all.latency, Cause::experts), Nanos{0});
  EXPECT_GT(time_of(all.latency, Cause::collective), Nanos{0});
}

TEST(Explanation, APreemptedRequestWaitsAndRecomputes) {
  Calls calls;
  for (int k = 0; k < 12; ++k) {
    calls.add(1000 * k, 100, 150);
  }
  RunOptions options = round_robin();
  options.enable_prefix_caching = false;
  options.reserve_full_isl = false;
  ToyCluster cluster = of(1, "toy/dense", 1, 1, 1, false);
  cluster.replicas[0].mem_size = 0.007;
  Nanos waited;
  Nanos recomputed;
  std::int64_t preemptions = 0;
  for (std::int64_t request = 0; request < 12; ++request) {
    const Explanation all = explained(cluster, calls, request, options);
    EXPECT_EQ(sum_of(all.latency), all.latency.total());
    EXPECT_EQ(time_of(all.latency, Cause::recompute) > Nanos{0}, all.preemptions > 0) << request;
    waited += time_of(all.latency, Cause::preempted);
    recomputed += time_of(all.latency, Cause::recompute);
    preemptions += all.preemptions;
  }
  EXPECT_GT(preemptions, 0);
  EXPECT_GT(waited, Nanos{0});
  EXPECT_GT(recomputed, Nanos{0});
}

TEST(Explanation, SaysTheSameInTextAndJson) {
  Calls calls;
  calls.add(0, 100, 5);
  const Explanation all = explained(of(1, "toy/dense", 1, 1, 1, false), calls, 0);
  const std::string text = explanation_text(all, true);
  const std::string json = explanation_json(all);
  EXPECT_NE(text.find("100 prompt tokens, 5 generated"), std::string::npos);
  EXPECT_NE(json.find(fmt::format(R"("total_ns":{})", all.latency.total().count())),
            std::string::npos);
}

RC_GTEST_PROP(Explanation, PartsAddUpOnAnyCluster, ()) {
  const bool experts = *rc::gen::arbitrary<bool>();
  const int tp = *rc::gen::element(1, 2);
  const int pp = *rc::gen::element(1, 2);
  const int count = *rc::gen::element(1, 2);
  const bool group = experts && count == 2;
  ToyCluster cluster = of(count, experts ? "toy/moe" : "toy/dense", tp, pp,
                          experts ? (group ? 2 * tp : tp) : 1, group);
  RunOptions options = round_robin();
  options.fidelity = *rc::gen::element(Fidelity::reference, Fidelity::vllm);
  options.max_num_seqs = *rc::gen::element(2, 64);
  options.max_num_batched_tokens = *rc::gen::element(64, 2048);
  Calls calls;
  const int requests = *rc::gen::inRange(1, 7);
  for (int i = 0; i < requests; ++i) {
    calls.add(*rc::gen::inRange(0, 3'000'000), *rc::gen::inRange(2, 400), *rc::gen::inRange(1, 12));
  }
  const std::int64_t request = *rc::gen::inRange(0, requests);
  const Explanation all = explained(cluster, calls, request, options);
  Nanos sum = sum_of(all.ttft);
  RC_ASSERT(sum == all.ttft.total());
  for (const ExplainedTime& token : all.tokens) {
    RC_ASSERT(sum_of(token) == token.total());
    sum += token.total();
  }
  RC_ASSERT(sum == all.latency.total());
  RC_ASSERT(sum_of(all.latency) == all.latency.total());
  RC_ASSERT(std::ssize(all.tokens) + 1 == all.output);
}

}  // namespace
}  // namespace lockstep
