// Laws of the network: longer, narrower and shared links are never faster; the shape matters.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/laws_fixture.hpp"

namespace lockstep::testing {
namespace {

/// One request: with several, other times make other batches, which may end earlier.
Calls one_call() {
  Calls calls;
  calls.add(0, 600, 12);
  return calls;
}

/// When the call has ended. A pair's first tokens are counted by neither side, so not all that
/// holds for other runs holds for it.
std::int64_t end_of_call(const ToyCluster& toy) {
  const Calls calls = one_call();
  const Outcome outcome = run_toy(toy, calls, round_robin());
  EXPECT_EQ(outcome.result.requests, 1);
  return outcome.last_end().count();
}

TEST(Laws, LongerOrNarrowerLinksAreNeverFaster) {
  Replica grouped = replica_of("toy/moe", 1, 1, 2);
  grouped.group = "A";
  ToyCluster pair(2, replica_of("toy/dense", 2));
  pair.replicas[0].pd = "prefill";
  pair.replicas[1].pd = "decode";
  const std::vector<ToyCluster> clusters = {
      {1, replica_of("toy/dense", 4)},
      {1, replica_of("toy/dense", 1, 4)},
      {1, replica_of("toy/moe", 2, 2, 2)},
      {2, grouped},
      pair,
  };
  for (std::size_t c = 0; c < clusters.size(); ++c) {
    SCOPED_TRACE(c);
    ToyCluster toy = clusters[c];
    std::int64_t before = 0;
    for (const char* latency : {"0", "500", "5000", "50000"}) {
      toy.link_latency = latency;
      const std::int64_t end = end_of_call(toy);
      EXPECT_GT(end, before) << "latency " << latency;
      before = end;
    }
    toy = clusters[c];
    before = 0;
    for (const char* bandwidth : {"400", "100", "16", "2"}) {
      toy.link_bandwidth = bandwidth;
      const std::int64_t end = end_of_call(toy);
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

/// One request alone, with rings or the algorithm given, on one instance of `tp` NPUs.
std::int64_t end_on(const std::string& network, int tp, int output, std::int64_t latency = 2000) {
  ToyCluster toy(1, replica_of("toy/dense", tp));
  toy.network = network;
  toy.link_latency = std::to_string(latency);
  Calls calls;
  calls.add(1000, 64, output);
  return end_of(toy, calls);
}

constexpr std::int64_t kReductions = 2 * 4;  // after attention and MLP of each layer

TEST(Laws, ASwitchCostsAHopMoreForEveryMessage) {
  for (const int tp : {2, 4}) {
    for (const int output : {1, 5}) {
      const std::int64_t full = end_on(R"({"topology":"FullyConnected"})", tp, output);
      const std::int64_t steps = 2 * (tp - 1) * kReductions * output;  // of the rings, one by one
      EXPECT_EQ(end_on(R"({"topology":"Switch"})", tp, output) - full, steps * 2000);
      // A ring sends to neighbours only, and they are one link away.
      EXPECT_EQ(end_on(R"({"topology":"Ring"})", tp, output), full);
    }
  }
}

TEST(Laws, MessagesAcrossARingTakeTheLinksBetween) {
  const auto end = [](const char* topology) {
    return end_on(fmt::format(R"({{"topology":"{}","collective_algorithm":"direct"}})", topology),
                  4, 3);
  };
  EXPECT_LT(end("FullyConnected"), end("Ring"));
}

TEST(Laws, LongerLatencyIsNeverFasterOnAnyTopology) {
  for (const char* topology : {"FullyConnected", "Ring", "Switch"}) {
    for (const char* algorithm : {"ring", "direct", "halvingDoubling", "doubleBinaryTree"}) {
      for (const char* congestion : {"unaware", "aware"}) {
        const std::string network =
            fmt::format(R"({{"topology":"{}","collective_algorithm":"{}","congestion":"{}"}})",
                        topology, algorithm, congestion);
        EXPECT_LT(end_on(network, 4, 2, 500), end_on(network, 4, 2, 5000)) << network;
      }
    }
  }
}

TEST(Laws, SharedLinksAreNeverFasterThanOwnOnes) {
  const auto end = [](const char* topology, const char* congestion) {
    return end_on(fmt::format(R"({{"topology":"{}","collective_algorithm":"direct",)"
                              R"("congestion":"{}"}})",
                              topology, congestion),
                  4, 2);
  };
  for (const char* topology : {"FullyConnected", "Ring", "Switch"}) {
    EXPECT_LE(end(topology, "unaware"), end(topology, "aware")) << topology;
  }
  EXPECT_LT(end("Ring", "unaware"), end("Ring", "aware"));
}

}  // namespace
}  // namespace lockstep::testing
