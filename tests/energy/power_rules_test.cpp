// Rules of the energy accounts, each mended alone beside the reference's.
#include <gtest/gtest.h>

#include "energy/power_model.hpp"
#include "energy/shared_cpu.hpp"
#include "one_rule.hpp"

namespace lockstep {
namespace {

using testing::mended;

constexpr Nanos millis(std::int64_t count) {
  return Nanos{count * 1'000'000};
}

/// One node with two instances; a busy one takes 0.5 of a CPU of 100 W above idle, 0.8 are free.
Cluster cluster_of_two() {
  Cluster cluster;
  cluster.power = true;
  PowerConfig power;
  power.npu["N"] = NpuPower{0, 10, 100, 0.005, 2};
  power.cpu_idle = 0;
  power.cpu_active = 100;
  power.cpu_util = 0.2;
  power.dram_dimm_size = 1;
  cluster.nodes.emplace_back().power = power;
  for (std::int32_t i = 0; i < 2; ++i) {
    Instance& instance = cluster.instances.emplace_back();
    instance.id = i;
    instance.hardware = "N";
  }
  return cluster;
}

TEST(SharedCpu, IsNeverUsedBeyondWhatThereIs) {
  SharedCpu cpu(0.5, 0.8);
  EXPECT_DOUBLE_EQ(cpu.add(millis(0), millis(1000)), 0.5);
  EXPECT_DOUBLE_EQ(cpu.add(millis(500), millis(1500)), 0.5 * 0.3 + 0.5 * 0.5);
  EXPECT_DOUBLE_EQ(cpu.add(millis(600), millis(900)), 0.0);
  EXPECT_DOUBLE_EQ(cpu.add(millis(2000), millis(3000)), 0.5);
}

double cpu_energy(const FidelityPolicy& policy) {
  const Cluster cluster = cluster_of_two();
  PowerModel model(cluster, policy);
  for (const Instance& instance : cluster.instances) {
    model.begin_batch(instance, millis(0));
    model.npu_active(instance, millis(6));
    model.npu_active(instance, millis(4));
    model.end_batch(instance);
  }
  return model.increments(0).cpu;
}

TEST(PowerRules, BusyInstancesShareTheirCpu) {
  EXPECT_DOUBLE_EQ(cpu_energy(FidelityPolicy::reference()), 1.0);
  EXPECT_DOUBLE_EQ(cpu_energy(mended(&FidelityPolicy::cpu_load_adds_up)), 0.8);
}

/// Mean power above the base of two heartbeats, 5 and 10 ms into a batch of 10 ms.
std::pair<double, double> heartbeats(const FidelityPolicy& policy) {
  const Cluster cluster = cluster_of_two();
  PowerModel model(cluster, policy);
  const Instance& instance = cluster.instances[0];
  const double base = model.base_power(0).sum();
  model.begin_batch(instance, millis(0));
  model.npu_active(instance, millis(10));
  model.end_batch(instance);
  const double first = model.interval_power(millis(5)) - base;
  return {first, model.interval_power(millis(10)) - base};
}

TEST(PowerRules, ABatchDrawsPowerWhileItRuns) {
  EXPECT_EQ(heartbeats(FidelityPolicy::reference()), std::pair(300.0, 0.0));
  EXPECT_EQ(heartbeats(mended(&FidelityPolicy::batch_energy_at_dispatch)), std::pair(150.0, 150.0));
}

double standby(const FidelityPolicy& policy) {
  const Cluster cluster = cluster_of_two();
  PowerModel model(cluster, policy);
  Nanos before;
  for (const Nanos now : {millis(2), millis(4), millis(6)}) {  // 5 ms of standby after the end at 0
    model.npu_standby(cluster.instances[0], now, millis(0), before);
    before = now;
  }
  return model.increments(0).npu / 10;
}

TEST(PowerRules, StandbyInPiecesIsAsLongAsInOne) {
  EXPECT_DOUBLE_EQ(standby(FidelityPolicy::reference()), 0.003);
  EXPECT_DOUBLE_EQ(standby(mended(&FidelityPolicy::standby_shrinks_when_split)), 0.005);
}

}  // namespace
}  // namespace lockstep
