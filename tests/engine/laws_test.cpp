// Laws that hold between two runs: what changes nothing, and what only changes places.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/laws_fixture.hpp"

namespace lockstep::testing {
namespace {

TEST(Laws, TheSameInputTwiceIsTheSameRun) {
  for (const Fidelity fidelity : {Fidelity::reference, Fidelity::vllm}) {
    RunOptions options = round_robin();
    options.fidelity = fidelity;
    options.request_routing_policy = RoutingPolicy::random;
    const ToyCluster toy(2, replica_of("toy/moe", 2, 1, 2));
    const Outcome first = run_toy(toy, some_calls(), options);
    const Outcome second = run_toy(toy, some_calls(), options);
    EXPECT_EQ(results(first), results(second));
    EXPECT_EQ(first.batches, second.batches);
    EXPECT_EQ(first.result.total_clocks, second.result.total_clocks);
  }
}

TEST(Laws, AGroupOfOneIsNoGroup) {
  for (const int tp : {1, 2}) {
    Replica alone = replica_of("toy/moe", tp, 1, tp);
    Replica grouped = alone;
    grouped.group = "A";
    EXPECT_EQ(results(run_toy({1, alone}, some_calls())),
              results(run_toy({1, grouped}, some_calls())));
  }
}

TEST(Laws, OneExpertRankIsNoExpertParallelism) {
  for (const char* model : {"toy/dense", "toy/moe"}) {
    EXPECT_EQ(results(run_toy({1, replica_of(model, 1, 1, 0)}, some_calls())),
              results(run_toy({1, replica_of(model, 1, 1, 1)}, some_calls())));
  }
  // A dense model has one by default, a model of experts as many as tensor-parallel ranks.
  EXPECT_EQ(end_of({1, replica_of("toy/dense", 2, 1, 0)}),
            end_of({1, replica_of("toy/dense", 2, 1, 1)}));
  EXPECT_EQ(end_of({1, replica_of("toy/moe", 2, 1, 0)}),
            end_of({1, replica_of("toy/moe", 2, 1, 2)}));
  EXPECT_NE(end_of({1, replica_of("toy/moe", 2, 1, 1)}),
            end_of({1, replica_of("toy/moe", 2, 1, 2)}));
}

TEST(Laws, EqualInstancesOnlyChangePlaces) {
  // Four equal instances, one busy at a time: whoever gets a request, it ends alike.
  const ToyCluster toy(4, replica_of("toy/dense", 2));
  Calls calls;
  Calls turned;
  for (int k = 0; k < 4; ++k) {
    const std::int64_t arrival = 1000 + 100'000'000 * k;
    calls.add(arrival, 40 + 60 * k, 6 + k);
    turned.add(arrival, 40 + 60 * ((k + 1) % 4), 6 + (k + 1) % 4);
  }
  RunOptions options = round_robin();
  options.fidelity = Fidelity::vllm;  // no clock of steps that ties the instances together
  const auto straight = run_toy(toy, calls, options).by_id();
  const auto rotated = run_toy(toy, turned, options).by_id();
  for (std::size_t k = 0; k < 4; ++k) {
    EXPECT_EQ(straight[(k + 1) % 4].latency, rotated[k].latency) << k;
    EXPECT_EQ(straight[(k + 1) % 4].ttft, rotated[k].ttft) << k;
    EXPECT_EQ(straight[(k + 1) % 4].itl, rotated[k].itl) << k;
  }
}

TEST(Laws, AnInstanceThatGetsNothingChangesNothing) {
  Calls calls;
  calls.add(0, 300, 20);
  RunOptions options = round_robin();
  options.fidelity = Fidelity::vllm;
  const Outcome one = run_toy({1, replica_of("toy/dense")}, calls, options);
  const Outcome two = run_toy({2, replica_of("toy/dense")}, calls, options);
  EXPECT_EQ(results(one), results(two));
  EXPECT_TRUE(two.done[1].empty());
}

TEST(Laws, ALaterArrivalNeverEndsEarlierOnAnIdleCluster) {
  RunOptions options = round_robin();
  options.fidelity = Fidelity::vllm;
  std::vector<Outcome> outcomes;
  for (const std::int64_t arrival : std::vector<std::int64_t>{1'000, 777'777, 5'000'000'001}) {
    Calls calls;
    calls.add(arrival, 128, 10);
    outcomes.push_back(run_toy({}, calls, options));
  }
  for (const Outcome& outcome : outcomes) {  // physics does not know what time it is
    EXPECT_EQ(outcome.by_id()[0].latency, outcomes[0].by_id()[0].latency);
  }
}

}  // namespace
}  // namespace lockstep::testing
