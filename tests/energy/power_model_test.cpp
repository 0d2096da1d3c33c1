#include "energy/power_model.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "energy/ring_traffic.hpp"

namespace lockstep {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;

Nanos ms(std::int64_t count) {
  return Nanos{count * kMillisecond};
}

PowerConfig example_power() {
  PowerConfig power;
  power.base_node_power = 60;
  power.npu["N"] = NpuPower{35, 300, 600, 18, 1};
  power.cpu_idle = 10;
  power.cpu_active = 200;
  power.cpu_util = 0.15;
  power.dram_dimm_size = 32;
  power.dram_idle = 2;
  power.dram_energy_per_bit = 6;
  power.dram_mem_size = 512;
  power.num_links = 1;
  power.link_idle = 5;
  power.link_energy_per_bit = 4;
  power.num_nics = 1;
  power.nic_idle = 20;
  power.num_storage = 2;
  power.storage_idle = 5;
  return power;
}

/// `nodes` equal nodes with one instance each.
Cluster example_cluster(std::int32_t nodes = 1) {
  Cluster cluster;
  cluster.power = true;
  for (std::int32_t i = 0; i < nodes; ++i) {
    Node node;
    node.power = example_power();
    cluster.nodes.push_back(node);
    Instance instance;
    instance.id = i;
    instance.node = i;
    instance.hardware = "N";
    cluster.instances.push_back(instance);
  }
  return cluster;
}

TEST(PowerModel, BasePowerIsTheSumOfWhatIsAlwaysOn) {
  const Cluster cluster = example_cluster();
  const PowerModel model(cluster);
  const auto& base = model.base_power(0);
  EXPECT_DOUBLE_EQ(base.base, 60);
  EXPECT_DOUBLE_EQ(base.npu, 35);
  EXPECT_DOUBLE_EQ(base.cpu, 38.5);
  EXPECT_DOUBLE_EQ(base.memory, 32);
  EXPECT_DOUBLE_EQ(base.link, 5);
  EXPECT_DOUBLE_EQ(base.nic, 20);
  EXPECT_DOUBLE_EQ(base.storage, 10);
  EXPECT_DOUBLE_EQ(base.sum(), 200.5);
}

TEST(PowerModel, OnlyWholeDimmsDrawPower) {
  Cluster cluster = example_cluster();
  cluster.nodes[0].power->dram_mem_size = 100;  // three DIMMs of 32 and 4 GB that are none
  EXPECT_DOUBLE_EQ(PowerModel(cluster).base_power(0).memory, 6);
  cluster.nodes[0].power->dram_mem_size = 0.3;  // 0.3 / 0.1 is below 3 in doubles
  cluster.nodes[0].power->dram_dimm_size = 0.1;
  EXPECT_DOUBLE_EQ(PowerModel(cluster).base_power(0).memory, 4);
}

TEST(PowerModel, EveryNpuOfEveryHardwareIdles) {
  Cluster cluster = example_cluster();
  cluster.nodes[0].power->npu["N"].num_npus = 3;
  cluster.nodes[0].power->npu["M"] = NpuPower{10, 20, 30, 1, 2};
  EXPECT_DOUBLE_EQ(PowerModel(cluster).base_power(0).npu, 3 * 35 + 2 * 10);
}

TEST(PowerModel, WorkedExample) {
  const Cluster cluster = example_cluster();
  const Instance& instance = cluster.instances[0];
  PowerModel model(cluster);

  model.npu_active(instance, ms(10));
  EXPECT_DOUBLE_EQ(model.increments(0).npu, 5.65);
  EXPECT_DOUBLE_EQ(model.increments(0).cpu, 1.045);
  model.npu_standby(instance, ms(12), ms(10), ms(0));
  EXPECT_DOUBLE_EQ(model.increments(0).npu, 6.18);
  model.npu_standby(instance, ms(13), ms(10), ms(12));
  EXPECT_DOUBLE_EQ(model.increments(0).npu, 6.445);
  model.dram(instance, 1e6);
  EXPECT_DOUBLE_EQ(model.increments(0).memory, 4.8e-05);
  model.link(instance, 1e6);
  EXPECT_DOUBLE_EQ(model.increments(0).link, 3.2e-05);

  EXPECT_EQ(model.interval_power(ms(20)), 575.0);
  EXPECT_NEAR(model.node_energy(0, ms(1000)), 207.99008, 1e-9);
  const auto end = model.components(0, ms(1000));
  EXPECT_NEAR(end.base, 60, 1e-9);
  EXPECT_NEAR(end.npu, 41.445, 1e-9);
  EXPECT_NEAR(end.cpu, 39.545, 1e-9);
  EXPECT_NEAR(end.memory, 32.000048, 1e-9);
  EXPECT_NEAR(end.link, 5.000032, 1e-9);
  EXPECT_NEAR(end.nic, 20, 1e-9);
  EXPECT_NEAR(end.storage, 10, 1e-9);
}

TEST(PowerModel, ALayerCountsOnEveryTensorRankButOnceOnTheCpu) {
  Cluster cluster = example_cluster();
  cluster.instances[0].tp = 4;
  PowerModel model(cluster);
  model.npu_active(cluster.instances[0], ms(10));
  EXPECT_DOUBLE_EQ(model.increments(0).npu, 4 * 5.65);
  EXPECT_DOUBLE_EQ(model.increments(0).cpu, 1.045);
}

TEST(PowerModel, ACpuThatIsBusyAnywayAddsNothing) {
  Cluster cluster = example_cluster();
  cluster.nodes[0].power->cpu_util = 0.9;
  PowerModel model(cluster);
  model.npu_active(cluster.instances[0], ms(10));
  EXPECT_EQ(model.increments(0).cpu, 0.0);
}

TEST(PowerModel, StandbyBookedInPiecesLosesTheWholeTimeSinceTheEnd) {
  Cluster cluster = example_cluster();
  cluster.nodes[0].power->npu["N"].standby_duration = 0.005;
  const Instance& instance = cluster.instances[0];
  PowerModel model(cluster);
  model.npu_standby(instance, ms(2), ms(0), ms(0));
  EXPECT_DOUBLE_EQ(model.increments(0).npu, 0.53);
  model.npu_standby(instance, ms(4), ms(0), ms(2));
  EXPECT_DOUBLE_EQ(model.increments(0).npu, 0.53 + 0.265);
  model.npu_standby(instance, ms(6), ms(0), ms(4));
  EXPECT_DOUBLE_EQ(model.increments(0).npu, 0.53 + 0.265);
}

TEST(PowerModel, AllNpusOfAnInstanceStandBy) {
  Cluster cluster = example_cluster();
  cluster.instances[0].num_npus = 8;
  cluster.instances[0].tp = 2;
  PowerModel model(cluster);
  model.npu_standby(cluster.instances[0], ms(2), ms(0), ms(0));
  EXPECT_DOUBLE_EQ(model.increments(0).npu, 8 * 0.53);
}

TEST(PowerModel, PimWorksOnTopOfTheIdleDimm) {
  Cluster cluster = example_cluster();
  cluster.nodes[0].power->pim_active_power = 12;
  PowerModel model(cluster);
  model.pim_active(cluster.instances[0], 1e9);
  EXPECT_DOUBLE_EQ(model.increments(0).memory, 10);
}

TEST(PowerModel, EventsGoToTheNodeOfTheirInstance) {
  const Cluster cluster = example_cluster(2);
  PowerModel model(cluster);
  model.npu_active(cluster.instances[1], ms(10));
  EXPECT_EQ(model.increments(0).npu, 0.0);
  EXPECT_DOUBLE_EQ(model.increments(1).npu, 5.65);
}

TEST(PowerModel, IntervalPowerIsRoundedPerNodeAndThenAdded) {
  Cluster cluster = example_cluster(2);
  for (Node& node : cluster.nodes) {
    *node.power = PowerConfig{};
    node.power->dram_dimm_size = 1;
    node.power->base_node_power = 1.004;
  }
  PowerModel model(cluster);
  EXPECT_EQ(model.interval_power(Nanos{1'000'000'000}), 2.0);  // not 2.01
}

TEST(PowerModel, ExactHalvesOfACentGoToTheEvenOne) {
  Cluster cluster = example_cluster();
  *cluster.nodes[0].power = PowerConfig{};
  cluster.nodes[0].power->dram_dimm_size = 1;
  for (const auto& [watts, printed] :
       {std::pair{0.125, 0.12}, std::pair{0.375, 0.38}, std::pair{2.5, 2.5}}) {
    cluster.nodes[0].power->base_node_power = watts;
    PowerModel model(cluster);
    EXPECT_EQ(model.interval_power(Nanos{1'000'000'000}), printed);
  }
}

TEST(PowerModel, IntervalsFollowEachOther) {
  const Cluster cluster = example_cluster();
  PowerModel model(cluster);
  EXPECT_EQ(model.interval_power(Nanos{0}), 0.0);
  EXPECT_TRUE(model.series().empty());
  EXPECT_EQ(model.interval_power(ms(100)), 200.5);
  EXPECT_EQ(model.interval_power(ms(100)), 0.0);
  model.npu_active(cluster.instances[0], ms(10));
  EXPECT_EQ(model.interval_power(ms(200)), 267.45);  // + (5.65 + 1.045) J in 0.1 s
  EXPECT_EQ(model.interval_power(ms(300)), 200.5);
  EXPECT_EQ(model.series(), (std::vector<double>{200.5, 267.45, 200.5}));
}

RC_GTEST_PROP(PowerModel, NodeEnergyIsTheSumOfItsComponents, ()) {
  const Cluster cluster = example_cluster();
  PowerModel model(cluster);
  for (const int layer : *rc::gen::container<std::vector<int>>(rc::gen::inRange(1, 1 << 24))) {
    model.npu_active(cluster.instances[0], Nanos{layer});
    model.dram(cluster.instances[0], layer);
    model.link(cluster.instances[0], layer);
  }
  const Nanos now{*rc::gen::inRange<std::int64_t>(0, std::int64_t{1} << 40)};
  const double total = model.node_energy(0, now);
  RC_ASSERT(std::abs(model.components(0, now).sum() - total) <= 1e-12 * total);
}

TEST(RingTraffic, IsNotRounded) {
  EXPECT_EQ(ring_all_reduce_bytes(Bytes{1000}, 4), 1500.0);
  EXPECT_EQ(ring_exchange_bytes(Bytes{1000}, 4), 750.0);
  EXPECT_EQ(ring_exchange_bytes(Bytes{1001}, 3), 2002.0 / 3.0);
  EXPECT_EQ(ring_all_reduce_bytes(Bytes{1000}, 1), 0.0);
}

}  // namespace
}  // namespace lockstep
