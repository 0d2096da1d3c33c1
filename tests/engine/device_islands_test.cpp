// Grids side by side: what happens in one is as if it were alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "engine/device_fixture.hpp"
#include "engine/device_spec.hpp"

namespace lockstep {
namespace {

using testing::Dims;
using testing::full;
using ::testing::HasSubstr;
using testing::kAllReduce;
using testing::NpuProgram;
using testing::run;
using testing::spec_of;
using Times = std::vector<std::int64_t>;

// All NPUs of an island: a collective over dimension 0, one over all, a message along the island.
void start_island(DeviceSimulator& sim, std::int32_t first, std::int64_t npus, std::size_t dims) {
  const DimMask inner{static_cast<std::uint8_t>(dims), 0b1};
  for (std::int32_t npu = first; npu < first + npus; ++npu) {
    NpuProgram program(npu);
    std::int32_t last = program.collective(kAllReduce, 1 << 20, inner);
    last = program.collective(CollectiveKind::all_to_all, 1 << 16, {}, {last});
    if (npus > 1 && npu == first) {
      last = program.send(first + static_cast<std::int32_t>(npus) - 1, 65536, 7, {last});
    }
    if (npus > 1 && npu == first + npus - 1) {
      program.recv(first, 65536, 7, {last});
    }
    sim.start(program.done());
  }
}

Times alone(const Dims& dims, bool congestion) {
  DeviceSimulatorSpec spec = spec_of(dims);
  spec.congestion_aware = congestion;
  DeviceSimulator sim(spec);
  start_island(sim, 0, sim.num_npus(), dims.size());
  return run(sim);
}

void expect_as_alone(const std::vector<Dims>& grids, bool congestion = false) {
  std::int64_t total = 0;
  std::vector<DeviceIsland> islands;
  for (const Dims& dims : grids) {
    islands.push_back({static_cast<std::int32_t>(total), Topology(dims)});
    total += islands.back().topology.num_npus();
  }
  DeviceSimulatorSpec spec = spec_of({full(total)});
  spec.islands = islands;
  spec.congestion_aware = congestion;
  DeviceSimulator sim(spec);
  Times expected;
  for (std::size_t i = 0; i < grids.size(); ++i) {
    start_island(sim, islands[i].first_npu, islands[i].topology.num_npus(), grids[i].size());
    const Times own = alone(grids[i], congestion);
    expected.insert(expected.end(), own.begin(), own.end());
  }
  EXPECT_EQ(run(sim), expected);
  EXPECT_EQ(sim.describe_waits(), "");
}

TEST(Islands, UnlikeGridsDoNotMeet) {
  expect_as_alone({{full(1)}, {full(2)}});                              // tp 1 and tp 2
  expect_as_alone({{full(2), full(2, 25, 1000)}, {full(4), full(2)}});  // two DP groups
  expect_as_alone({{full(3)}, {full(2), full(2)}, {full(2)}});          // a group between others
  expect_as_alone({{{TopologyKind::ring, 5, 16, 100}}, {full(2)}});
}

TEST(Islands, LinksBelongToAnIsland) {
  expect_as_alone({{{TopologyKind::switch_, 4, 16, 100}}, {{TopologyKind::switch_, 2, 16, 100}}},
                  true);
}

TEST(Islands, TheSmallestCollectiveIsThatOfTheCluster) {
  const auto time = [](std::int64_t size, std::int64_t others) {
    DeviceSimulatorSpec spec = spec_of({full(2 + others, 1e-9)});
    spec.islands = {{0, Topology({full(2, 1e-6, 0)})}, {2, Topology({full(others)})}};
    DeviceSimulator sim(spec);
    for (std::int32_t npu = 0; npu < 2; ++npu) {
      NpuProgram program(npu);
      program.collective(kAllReduce, size);
      sim.start(program.done());
    }
    return run(sim)[0];
  };
  EXPECT_EQ(time(1, 18), time(20, 18));
  EXPECT_LT(time(2, 2), time(2, 18));
}

TEST(Islands, AMessageBetweenThemIsABug) {
  DeviceSimulatorSpec spec = spec_of({full(2)});
  spec.islands = {{0, Topology({full(1)})}, {1, Topology({full(1)})}};
  DeviceSimulator sim(spec);
  NpuProgram program(0);
  program.send(1, 8);
  EXPECT_THROW(sim.start(program.done()), InternalError);
}

TEST(Islands, GapsAndSurplusAreRefused) {
  DeviceSimulatorSpec spec = spec_of({full(3)});
  spec.islands = {{0, Topology({full(1)})}, {2, Topology({full(1)})}};
  EXPECT_THROW(DeviceSimulator{spec}, InternalError);
  spec.islands = {{0, Topology({full(1)})}, {1, Topology({full(1)})}};
  EXPECT_THROW(DeviceSimulator{spec}, InternalError);
}

TEST(Islands, AWaitNamesTheMaskOfTheIsland) {
  DeviceSimulatorSpec spec = spec_of({full(5)});
  spec.islands = {{0, Topology({full(1)})}, {1, Topology({full(2), full(2)})}};
  DeviceSimulator sim(spec);
  NpuProgram program(3);
  program.collective(kAllReduce, 4096, {2, 0b01});
  sim.start(program.done());
  run(sim);
  EXPECT_THAT(sim.describe_waits(),
              HasSubstr("NPU 3 waits in ALLREDUCE #0 (4096 B, dims 1,0) for NPU 4"));
}

TEST(Islands, AClustersGridsReachTheSimulator) {
  Cluster cluster;
  cluster.nodes.resize(1);
  cluster.nodes[0].cpu_mem = {1, 256, 0};
  cluster.instances.resize(2);
  cluster.instances[1].num_npus = cluster.instances[1].tp = 2;
  cluster.instances[1].first_npu = 1;
  cluster.islands = {{0, 1, {{1}, {16}, {100}}}, {1, 2, {{2}, {16}, {100}}}};
  cluster.network = {{3}, {16}, {100}};
  cluster.network_settings.topology = {TopologyKind::switch_};
  cluster.network_settings.algorithms = {algorithm_from_name("direct")};
  cluster.network_settings.endpoint_delay = Nanos{3};
  cluster.network_settings.streams.dataset_splits = 2;
  const DeviceSimulatorSpec spec =
      device_spec(cluster, FidelityPolicy::for_mode(Fidelity::reference));
  ASSERT_EQ(spec.islands.size(), 2U);
  EXPECT_EQ(spec.islands[1].first_npu, 1);
  EXPECT_EQ(spec.islands[1].topology.num_npus(), 2);
  EXPECT_EQ(spec.islands[1].topology.dim(0).kind, TopologyKind::switch_);
  EXPECT_EQ(algorithm_name(spec.collectives.of(kAllReduce, 1)), "direct");
  EXPECT_EQ(spec.endpoint_delay, Nanos{3});
  EXPECT_EQ(spec.streams.dataset_splits, 2);
}

}  // namespace
}  // namespace lockstep
