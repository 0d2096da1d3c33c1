// What a trace books, and in which order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "iteration/trace_fixtures.hpp"

namespace lockstep {
namespace {

using testing::EnergyLog;
using testing::small_model;
using testing::small_moe_model;
using testing::TraceWorld;
using Log = std::vector<std::string>;

Log operator+(Log a, const Log& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST(TraceEnergy, TensorParallelPrefillOverStages) {
  TraceWorld world(small_model());
  world.instance.tp = 2;
  world.instance.pp = 3;
  world.instance.pd = PdType::prefill;
  Batch batch = world.batch({{5, 3}});
  batch.pd_kv_send_tokens = 5;
  batch.load = Bytes{77};
  EnergyLog log;
  (void)world.build(batch, &log);
  // Two all-reduces of 640 bytes over 2 ranks and 320 bytes of KV.
  const Log block = {"dram 0",  "link 1600", "npu 105", "npu 405",  "npu 605", "npu 1008",
                     "npu 805", "npu 105",   "npu 905", "npu 1005", "npu 1105"};
  const Log tail = {"npu 1305", "npu 10001", "npu 10001", "link 640", "link 768", "dram 77"};
  EXPECT_EQ(log.entries, (Log{"npu 5"} + block + block + block + tail));
}

TEST(TraceEnergy, WeightsOffTheNpu) {
  TraceWorld world(small_model());
  world.instance.tp = 2;
  world.instance.placement.default_entry.weights = {MemoryTier::remote, 0};
  EnergyLog log;
  (void)world.build(world.batch({{5, 3}}), &log);
  EXPECT_EQ(log.entries[1], "dram 128000");  // the embedding is booked unsplit
  EXPECT_EQ(log.entries[2], "dram " + std::to_string(128 * 2 + 8192 + 4096 + 16384 + 8192));
  const Log tail(log.entries.end() - 6, log.entries.end());
  EXPECT_EQ(tail, (Log{"npu 1305", "dram 128", "npu 10001", "dram 64000", "npu 10001", "dram 0"}));
}

TEST(TraceEnergy, ExpertsCountOnceWithTheSlowestRank) {
  TraceWorld world(small_moe_model());
  world.settings.expert_routing = ExpertRoutingPolicy::random;
  world.instance.tp = 2;
  world.instance.ep_total = 2;
  world.instance.local_ep = 2;
  EnergyLog log;
  const IterationTrace trace = world.build(world.batch({{7, 0}}), &log);
  Nanos slowest;
  int experts = 0;
  for (const TraceRow& row : trace.segments[1].rows) {
    if (row.name == "expert") {
      slowest = std::max(slowest, row.comp_time);
      ++experts;
    }
  }
  EXPECT_EQ(experts, 2);
  // All-reduce 7*64*2 over 2, all-gather of 3 tokens, reduce-scatter of 7.
  EXPECT_EQ(log.entries[2], "link " + std::to_string(896 + 3 * 72 * 2 / 2 + 896 / 2));
  EXPECT_EQ(log.entries[10], "npu " + std::to_string(slowest.count()));
  EXPECT_EQ(log.entries[11], "dram 0");
}

TEST(TraceEnergy, InterleavedGroupsAreBookedTogether) {
  TraceWorld world(small_model());
  world.instance.enable_attn_offloading = true;
  world.instance.enable_sub_batch_interleaving = true;
  PimDevice device;
  device.spec = "DDR4_8GB_3200_pim";
  device.channels = 3;
  world.cluster.nodes[0].pim = device;
  EnergyLog log;
  (void)world.build(world.batch({{4, 0}, {1, 100}, {1, 50}}), &log);
  const Log pim = {"pim 8570", "pim 8570", "pim 4405", "pim 4405"};
  const Log pre_1 = {"npu 104", "npu 404", "npu 604", "npu 1004"};
  const Log pre_2 = {"npu 102", "npu 402", "npu 602"};
  const Log post_1 = {"npu 804", "npu 104", "npu 904", "npu 1004", "npu 1104"};
  const Log post_2 = {"npu 802", "npu 102", "npu 902", "npu 1002", "npu 1102"};
  const Log nothing_moved = {"dram 0", "link 0"};
  const Log pim_moved = {"dram 768", "link 0"};
  const Log middle = pim_moved + post_1 + pre_1 + post_2 + pre_2 + pim;
  const Log head_1 = {"npu 1304", "npu 10001", "npu 10001"};
  const Log head_2 = {"npu 1302", "npu 10002", "npu 10002"};
  EXPECT_EQ(log.entries,
            (Log{"npu 4"} + nothing_moved + pre_1 + Log{"npu 2"} + pim_moved + pre_2 + pim +
             middle + middle + nothing_moved + post_1 + head_1 + nothing_moved + post_2 + head_2));
}

}  // namespace
}  // namespace lockstep
