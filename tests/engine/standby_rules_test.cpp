// Standby energy of a data-parallel group.
#include <gtest/gtest.h>

#include "engine/laws_fixture.hpp"

namespace lockstep::testing {
namespace {

/// J of the NPUs above idle, of a run in which nothing but standby draws power.
double standby_energy(Fidelity fidelity) {
  Replica member = replica_of("toy/moe", 1, 1, 2);
  member.group = "A";
  ToyCluster toy(2, member);
  toy.power = R"({"base_node_power":0,"npu":{"RTXPRO6000":{"idle_power":0,"standby_power":100,)"
              R"("active_power":0,"standby_duration":18}},"cpu":{"idle_power":0,"active_power":0,)"
              R"("util":0},"dram":{"dimm_size":1,"idle_power":0,"energy_per_bit":0},)"
              R"("link":{"num_links":0,"idle_power":0,"energy_per_bit":0},)"
              R"("nic":{"num_nics":0,"idle_power":0},"storage":{"num_devices":0,"idle_power":0}})";
  Calls calls;
  calls.add(1000, 100, 20);  // one member works, the other runs dummies
  RunOptions options = round_robin();
  options.fidelity = fidelity;
  const Outcome outcome = run_toy(toy, calls, options);
  expect_sound(outcome, calls);
  const double seconds = static_cast<double>(outcome.last_end().count()) * 1e-9;
  return outcome.result.total_energy / (100 * seconds);
}

TEST(StandbyRules, DummiesAreNotInStandby) {
  EXPECT_GT(standby_energy(Fidelity::reference), 0.9);  // one NPU all the time
  EXPECT_LT(standby_energy(Fidelity::vllm), 0.1);
}

}  // namespace
}  // namespace lockstep::testing
