// Rules of the devices and the network, each mended alone beside the reference's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "device_fixture.hpp"
#include "engine/device_spec.hpp"
#include "one_rule.hpp"
#include "system_fixture.hpp"

namespace lockstep::testing {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

std::vector<std::int64_t> all_reduce(DeviceSimulatorSpec spec, std::int64_t size) {
  spec.streams.dataset_splits = 3;
  DeviceSimulator sim(std::move(spec));
  for (std::int32_t npu = 0; npu < 4; ++npu) {
    NpuProgram program(npu);
    program.collective(CollectiveKind::all_reduce, size);
    sim.start(program.done());
  }
  return run(sim);
}

TEST(DeviceRules, TheLastChunkCarriesWhatIsLeft) {
  DeviceSimulatorSpec spec = spec_of({full(4, 112, 0)});
  EXPECT_THAT(all_reduce(spec, 1'000'001), Each(20776));  // four chunks of 333333
  const std::int64_t three = all_reduce(spec, 999'999).front();
  spec.shorten_last_chunk = true;
  EXPECT_EQ(all_reduce(spec, 999'999).front(), three);
  EXPECT_EQ(all_reduce(spec, 1'000'001).front(), three);  // three chunks, the last a byte shorter
}

/// When each of the collectives ends, one after the other.
std::vector<std::int64_t> durations(const std::vector<std::int64_t>& sizes) {
  DeviceSimulatorSpec spec = spec_of({full(4, 0.001, 0)});  // a byte takes a microsecond
  spec.streams.dataset_splits = 3;
  spec.shorten_last_chunk = true;
  DeviceSimulator sim(std::move(spec));
  std::vector<std::int64_t> durations;
  std::int64_t before = 0;
  for (const std::int64_t size : sizes) {
    for (std::int32_t npu = 0; npu < 4; ++npu) {
      NpuProgram program(npu);
      program.collective(CollectiveKind::all_reduce, size);
      sim.start(program.done());
    }
    const std::int64_t end = run(sim).front();
    durations.push_back(end - before);
    before = end;
  }
  return durations;
}

// An NPU keeps the plans of four sizes of chunk. The last collective finds that of its 8 bytes, now
// the oldest and now not, and needs another one for its rest of 6, which must not take that place.
TEST(DeviceRules, APlanInUseIsNotOverwrittenByTheRests) {
  for (const std::vector<std::int64_t>& sizes :
       {std::vector<std::int64_t>{23, 22}, {23, 60, 22}, {23, 60, 120, 22}}) {
    std::vector<std::int64_t> alone;
    for (const std::int64_t size : sizes) {
      alone.push_back(durations({size}).front());
    }
    EXPECT_EQ(durations(sizes), alone);
  }
}

ToyCluster unlike_memories() {
  Replica slow = Replica{};
  slow.tp = 2;
  Replica fast = slow;
  slow.mem_bandwidth = 100;
  ToyCluster toy;
  toy.replicas = {fast, slow};
  return toy;
}

TEST(DeviceRules, EveryNpuAddsAtItsOwnSpeed) {
  const RunOptions options;
  const Cluster cluster =
      parse_cluster(unlike_memories().json(), "toy.json", options, ToyModels::paths());
  const DeviceSimulatorSpec reference = device_spec(cluster, FidelityPolicy::reference());
  EXPECT_TRUE(reference.local_mem_bandwidths.empty());
  const auto other = device_spec(cluster, mended(&FidelityPolicy::shared_reduction_bandwidth));
  EXPECT_THAT(other.local_mem_bandwidths, ElementsAre(1597, 1597, 100, 100));
}

TEST(DeviceRules, EveryNodeHasItsOwnChannels) {
  const auto ends = [](bool shared) {
    MemoryLevelSpec level = remote_level(256, 0, 2);
    level.pim_channels = 4;
    DeviceSimulatorSpec spec = spec_of({full(2)}, {level});
    spec.pim_queues_stride_by_devices = shared;
    DeviceSimulator sim(std::move(spec));
    for (std::int32_t npu = 0; npu < 2; ++npu) {  // device 0 channel 2, device 1 channel 0
      NpuProgram program(npu);
      program.pim(1000, 25600, npu, npu == 0 ? 2 : 0);
      sim.start(program.done());
    }
    return run(sim);
  };
  EXPECT_THAT(ends(true), ElementsAre(1100, 2200));
  EXPECT_THAT(ends(false), ElementsAre(1100, 1100));
  const Cluster cluster =
      parse_cluster(ToyCluster{}.json(), "toy.json", RunOptions{}, ToyModels::paths());
  const auto stride = [&](const FidelityPolicy& policy) {
    return device_spec(cluster, policy).pim_queues_stride_by_devices;
  };
  EXPECT_TRUE(stride(FidelityPolicy::reference()));
  EXPECT_FALSE(stride(mended(&FidelityPolicy::pim_queues_shared_by_nodes)));
}

TEST(DeviceRules, MemoryFiguresKeepTheirFractions) {
  const auto end = [](bool cut) {
    DeviceSimulatorSpec spec = spec_of({full(1)}, {remote_level(25.6, 100.7)});
    spec.integer_memory_figures = cut;
    DeviceSimulator sim(std::move(spec));
    NpuProgram program(0);
    program.load(1'048'576);
    sim.start(program.done());
    return run(sim).front();
  };
  EXPECT_EQ(end(true), 42043);   // 25 bytes/ns and 100 ns
  EXPECT_EQ(end(false), 41060);  // 40960 and 100.7
}

}  // namespace
}  // namespace lockstep::testing
