// Whole runs of clusters whose instances do not fit into one grid: the one that works is as fast
// as if it were alone, its collectives included.
#include <gtest/gtest.h>

#include "engine/system_fixture.hpp"

namespace lockstep {
namespace {

using testing::Calls;
using testing::expect_sound;
using testing::Outcome;
using testing::Replica;
using testing::run_toy;
using testing::ToyCluster;

Replica dense(int tp) {
  Replica replica;
  replica.tp = tp;
  return replica;
}

Replica expert(int tp, int ep, const char* group) {
  Replica replica;
  replica.model = "toy/moe";
  replica.tp = tp;
  replica.ep = ep;
  replica.group = group;
  return replica;
}

ToyCluster cluster(std::vector<Replica> replicas, const char* latency) {
  ToyCluster toy;
  toy.replicas = std::move(replicas);
  toy.link_latency = latency;
  return toy;
}

std::size_t num_islands(const ToyCluster& toy) {
  return parse_cluster(toy.json(), "toy.json", {}, testing::ToyModels::paths()).islands.size();
}

// The first replicas serve one request, the others stand by. The first ones by themselves take
// just as long, and longer with slower links.
void expect_as_alone(const std::vector<Replica>& working, const std::vector<Replica>& idle) {
  std::vector<Replica> all = working;
  all.insert(all.end(), idle.begin(), idle.end());
  Calls calls;
  calls.add(0, 100, 5);
  std::vector<Nanos> latencies;
  for (const char* latency : {"100", "3000"}) {
    const ToyCluster together = cluster(all, latency);
    EXPECT_GT(num_islands(together), 1U);
    const Outcome outcome = run_toy(together, calls);
    expect_sound(outcome, calls);
    latencies.push_back(outcome.by_id()[0].latency);
    EXPECT_EQ(latencies.back(), run_toy(cluster(working, latency), calls).by_id()[0].latency);
  }
  EXPECT_GT(latencies[1] - latencies[0], Nanos{5 * 4 * 2900}) << "no collective traffic";
}

TEST(IslandRuns, UnlikeTensorParallelism) {
  expect_as_alone({dense(2)}, {dense(1)});
  expect_as_alone({dense(4)}, {dense(2), dense(1)});
}

TEST(IslandRuns, AGroupBesideSingleInstances) {
  expect_as_alone({expert(1, 2, "A"), expert(1, 2, "A")}, {dense(1)});
  expect_as_alone({dense(2)}, {expert(1, 2, "A"), expert(1, 2, "A")});
}

TEST(IslandRuns, TwoGroups) {
  expect_as_alone({expert(2, 2, "A"), expert(2, 2, "A")}, {expert(1, 2, "B"), expert(1, 2, "B")});
}

// Later grids do not begin at NPU 0. Everything at once, and everybody is served.
TEST(IslandRuns, AllAtWork) {
  const ToyCluster toy = cluster({dense(1), expert(2, 2, "A"), expert(2, 2, "A"), dense(4),
                                  expert(1, 2, "B"), expert(1, 2, "B")},
                                 "500");
  EXPECT_EQ(num_islands(toy), 4U);
  Calls calls;
  for (int i = 0; i < 24; ++i) {
    calls.add(i * 10'000, 50 + 7 * i, 3 + i % 4);
  }
  expect_sound(run_toy(toy, calls), calls);
}

}  // namespace
}  // namespace lockstep
