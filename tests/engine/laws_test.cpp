// Laws that hold between two runs: what is slower, what changes nothing, what only changes places.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/system_fixture.hpp"

namespace lockstep {
namespace {

using testing::Calls;
using testing::expect_sound;
using testing::Outcome;
using testing::Replica;
using testing::round_robin;
using testing::run_toy;
using testing::ToyCluster;

Calls some_calls() {
  Calls calls;
  for (int k = 0; k < 8; ++k) {
    calls.add(50'000 * k, 40 + 60 * k, 6 + k);
  }
  return calls;
}

Replica replica_of(const std::string& model, int tp = 1, int pp = 1, int ep = 1) {
  Replica replica;
  replica.model = model;
  replica.tp = tp;
  replica.pp = pp;
  replica.ep = ep;
  return replica;
}

std::int64_t end_of(const ToyCluster& toy, const Calls& calls = some_calls(),
                    const RunOptions& options = round_robin()) {
  const Outcome outcome = run_toy(toy, calls, options);
  expect_sound(outcome, calls);
  return outcome.last_end().count();
}

/// All that the result file shows of the requests, in its order.
std::string results(const Outcome& outcome) {
  std::string text;
  for (const auto& list : outcome.done) {
    for (const Request& request : list) {
      std::int64_t itl = 0;
      for (const Nanos gap : request.itl) {
        itl = itl * 31 + gap.count() % 1'000'003;
        itl %= 1'000'000'007;
      }
      text += fmt::format("{} {} {} {} {} {} {} {}\n", request.id, request.arrival.count(),
                          request.end_time.count(), request.latency.count(),
                          request.queuing_delay.count(), request.ttft.count(), request.tpot.count(),
                          itl);
    }
  }
  return text;
}

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

TEST(Laws, WeightsInASlowerTierNeverMakeARunFaster) {
  for (const char* model : {"toy/dense", "toy/moe"}) {
    std::vector<std::int64_t> ends;
    for (const char* tier : {"npu", "cpu", "cxl:0"}) {
      ToyCluster toy(1, replica_of(model));
      toy.cpu_bandwidth = 64;
      toy.cpu_latency = 200;
      toy.cxl = R"({"mem_size":64,"mem_bw":16,"mem_latency":900})";
      toy.replicas[0].more = fmt::format(R"("placement":{{"default":{{"weights":"{}"}}}})", tier);
      ends.push_back(end_of(toy));
    }
    EXPECT_LT(ends[0], ends[1]) << model << ": weights in host memory";
    EXPECT_LT(ends[1], ends[2]) << model << ": weights in CXL memory";
  }
}

TEST(Laws, KvInASlowerTierNeverMakesARunFaster) {
  ToyCluster toy;
  toy.cpu_bandwidth = 64;
  const std::int64_t near = end_of(toy);
  toy.replicas[0].more = R"("placement":{"default":{"kv_loc":"cpu"}})";
  EXPECT_GE(end_of(toy), near);
}

TEST(Laws, ASlowerTierIsNeverFaster) {
  const auto end_with = [](double bandwidth, double latency) {
    ToyCluster toy;
    toy.cpu_bandwidth = bandwidth;
    toy.cpu_latency = latency;
    toy.replicas[0].more = R"("placement":{"default":{"weights":"cpu"}})";
    return end_of(toy);
  };
  EXPECT_LT(end_with(256, 100), end_with(64, 100));
  EXPECT_LT(end_with(64, 100), end_with(64, 5000));
}

/// A prompt comes again when the pool has lost it; the lower tier still has it.
TEST(Laws, RecallFromALowerTierCostsTime) {
  const auto ttft_of_return = [](PrefixStorage storage, double bandwidth, std::int64_t& hit) {
    const auto with_ids = [](std::int64_t arrival, std::int32_t salt) {
      WorkloadRequest request;
      request.input_toks = 600;
      request.output_toks = 4;
      request.arrival = Nanos{arrival};
      for (std::int32_t token = 0; token < 600; ++token) {
        request.input_ids.push_back(salt * 1000 + token);
      }
      request.output_ids = {1, 2, 3, 4};
      return request;
    };
    Calls calls;
    calls.add(with_ids(0, 1)).add(with_ids(100'000'000, 2)).add(with_ids(200'000'000, 1));
    RunOptions options = round_robin();
    options.prefix_storage = storage;
    ToyCluster toy;
    toy.cpu_bandwidth = bandwidth;
    toy.replicas[0].mem_size = 0.0074;  // holds one of the prompts, not two
    const Outcome outcome = run_toy(toy, calls, options);
    expect_sound(outcome, calls);
    hit = outcome.result.prefix.lower_hit;
    return outcome.by_id()[2].ttft.count();
  };
  std::int64_t hit = 0;
  const std::int64_t cold = ttft_of_return(PrefixStorage::none, 256, hit);
  ASSERT_EQ(hit, 0);
  const std::int64_t fast = ttft_of_return(PrefixStorage::cpu, 256, hit);
  ASSERT_GT(hit, 0);
  const std::int64_t slow = ttft_of_return(PrefixStorage::cpu, 1, hit);
  ASSERT_GT(hit, 0);
  EXPECT_NE(fast, cold) << "an offload changes times, not only the hit rate";
  EXPECT_LT(fast, slow);
}

/// One request: with several, other times make other batches, which may end earlier.
Calls one_call() {
  Calls calls;
  calls.add(0, 600, 12);
  return calls;
}

TEST(Laws, LongerOrNarrowerLinksAreNeverFaster) {
  Replica grouped = replica_of("toy/moe", 1, 1, 2);
  grouped.group = "A";
  const std::vector<ToyCluster> clusters = {
      {1, replica_of("toy/dense", 4)},
      {1, replica_of("toy/dense", 1, 4)},
      {1, replica_of("toy/moe", 2, 2, 2)},
      {2, grouped},
  };
  for (std::size_t c = 0; c < clusters.size(); ++c) {
    SCOPED_TRACE(c);
    ToyCluster toy = clusters[c];
    std::int64_t before = 0;
    for (const char* latency : {"0", "500", "5000", "50000"}) {
      toy.link_latency = latency;
      const std::int64_t end = end_of(toy, one_call());
      EXPECT_GT(end, before) << "latency " << latency;
      before = end;
    }
    toy = clusters[c];
    before = 0;
    for (const char* bandwidth : {"400", "100", "16", "2"}) {
      toy.link_bandwidth = bandwidth;
      const std::int64_t end = end_of(toy, one_call());
      EXPECT_GT(end, before) << "bandwidth " << bandwidth;
      before = end;
    }
  }
}

TEST(Laws, TheShapeOfTheClusterShapesTheRun) {
  const std::int64_t tensor = end_of({1, replica_of("toy/dense", 4, 1)});
  const std::int64_t pipeline = end_of({1, replica_of("toy/dense", 1, 4)});
  const std::int64_t both = end_of({1, replica_of("toy/dense", 2, 2)});
  EXPECT_NE(tensor, pipeline);
  EXPECT_NE(tensor, both);
  EXPECT_NE(pipeline, both);
}

TEST(Laws, ALinkPerDimensionActsOnItsDimensionOnly) {
  // Four ranks of tensor parallelism in one dimension, two instances in the other: only the first
  // carries traffic.
  ToyCluster toy(2, replica_of("toy/dense", 4));
  toy.link_bandwidth = "[16,16]";
  toy.link_latency = "[2000,2000]";
  const std::int64_t base = end_of(toy);
  toy.link_latency = "[2000,90000]";
  EXPECT_EQ(end_of(toy), base);
  toy.link_latency = "[9000,2000]";
  EXPECT_GT(end_of(toy), base);
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

TEST(Laws, MoreMemoryNeverPreemptsMore) {
  Calls calls;
  for (int k = 0; k < 12; ++k) {
    calls.add(1000 * k, 100, 150);
  }
  RunOptions options = round_robin();
  options.enable_prefix_caching = false;
  options.reserve_full_isl = false;
  std::int64_t before = -1;
  std::int64_t most = 0;
  for (const double size : {0.012, 0.009, 0.008, 0.007}) {
    Replica replica;
    replica.mem_size = size;
    const Outcome outcome = run_toy({1, replica}, calls, options);
    expect_sound(outcome, calls);
    EXPECT_GE(outcome.result.preemptions, before) << size;
    before = outcome.result.preemptions;
    most = std::max(most, before);
  }
  EXPECT_GT(most, 0) << "the smallest pool is too large for this test";
}

TEST(Laws, MoreMemoryBandwidthIsNeverSlowerForReductions) {
  Replica slow = replica_of("toy/dense", 4);
  slow.mem_bandwidth = 100;
  EXPECT_LE(end_of({1, replica_of("toy/dense", 4)}), end_of({1, slow}));
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
}  // namespace lockstep
