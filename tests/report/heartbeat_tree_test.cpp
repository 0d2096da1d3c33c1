#include "report/heartbeat_tree.hpp"

#include <gtest/gtest.h>

namespace lockstep {
namespace {

const Painter heartbeat_tree_painter(80, false);

std::string text_of(const Heartbeat& heartbeat, CxlUsage usage = CxlUsage::fraction) {
  return heartbeat_tree(heartbeat, heartbeat_tree_painter, usage);
}

InstanceSnapshot instance_with(std::int64_t running, std::int64_t waiting, std::int64_t mb) {
  InstanceSnapshot instance;
  instance.running = running;
  instance.waiting = waiting;
  instance.npu_used = Bytes{mb * kMiB};
  instance.npu_capacity = Bytes{64 * kGiB};
  instance.prefix_caching = true;
  return instance;
}

NodeSnapshot node_with(std::vector<std::int32_t> instances) {
  NodeSnapshot node;
  node.cpu_capacity = Bytes{512 * kGiB};
  node.instances = std::move(instances);
  return node;
}

Heartbeat two_instances() {
  Heartbeat heartbeat;
  heartbeat.mark = Nanos{4'000'000'000};
  heartbeat.prompt_throughput = 9063;
  heartbeat.generation_throughput = 1072;
  heartbeat.instances = {instance_with(23, 0, 32768), instance_with(22, 1, 16384)};
  heartbeat.instances[0].npu_prefix = {20000, 500};
  heartbeat.nodes = {node_with({0, 1})};
  return heartbeat;
}

TEST(HeartbeatTree, TwoInstancesOfOneNode) {
  EXPECT_EQ(
      text_of(two_instances()),
      "[4.0s] Avg prompt throughput: 9063.0 tokens/s, Avg generation throughput: 1072.0 tokens/s\n"
      "        ├─Running Instance[0]: 23 reqs, Waiting: 0 reqs, Total # 1 NPUs, Each NPU Memory "
      "Usage 32768.00 MB (50.000 % Used), Prefix Cache Hit ratio 2.50 %, (500 / 20000)\n"
      "        ├─Running Instance[1]: 22 reqs, Waiting: 1 reqs, Total # 1 NPUs, Each NPU Memory "
      "Usage 16384.00 MB (25.000 % Used)\n"
      "        └─Node[0]: Total CPU Memory Usage 0.00 MB, 0.000 % Used (Instance[0]: 0.00 %, "
      "Instance[1]: 0.00 %)\n");
}

TEST(HeartbeatTree, IndentFollowsTheMark) {
  Heartbeat heartbeat;
  heartbeat.mark = Nanos{10'250'000'000};
  heartbeat.nodes = {node_with({0})};
  EXPECT_EQ(text_of(heartbeat),
            "[10.2s] Avg prompt throughput: 0.0 tokens/s, Avg generation throughput: 0.0 tokens/s\n"
            "         └─Node[0]: Total CPU Memory Usage 0.00 MB, 0.000 % Used \n");
}

TEST(HeartbeatTree, WithoutPrefixCachingThereIsNoHitRatio) {
  Heartbeat heartbeat = two_instances();
  heartbeat.instances[0].prefix_caching = false;
  EXPECT_EQ(text_of(heartbeat).find("Hit"), std::string::npos);
}

TEST(HeartbeatTree, MemoryOfNoSizeIsNeverUsed) {
  Heartbeat heartbeat = two_instances();
  heartbeat.instances[0].npu_capacity = Bytes{0};
  EXPECT_NE(text_of(heartbeat).find("32768.00 MB (0.000 % Used)"), std::string::npos);
}

TEST(HeartbeatTree, InstancesShareTheMemoryOfTheirNode) {
  Heartbeat heartbeat = two_instances();
  heartbeat.instances[0].cpu_used = Bytes{256 * kMiB};
  heartbeat.instances[1].cpu_used = Bytes{768 * kMiB};
  heartbeat.nodes[0].cpu_used = Bytes{kGiB};
  EXPECT_NE(text_of(heartbeat).find(
                "└─Node[0]: Total CPU Memory Usage 1024.00 MB, 0.195 % Used (Instance[0]: 25.00 %, "
                "Instance[1]: 75.00 %)\n"),
            std::string::npos);
}

TEST(HeartbeatTree, ASharedPoolShowsItsHitsInsteadOfShares) {
  Heartbeat heartbeat = two_instances();
  heartbeat.nodes[0].shared_pool = SharedPoolSnapshot{Bytes{0}, 0.0, {115, 0}};
  EXPECT_NE(text_of(heartbeat).find("% Used , Prefix Cache Hit ratio 0.00 %, (0 / 115)\n"),
            std::string::npos);
  heartbeat.nodes[0].shared_pool->prefix.requested = 0;
  EXPECT_TRUE(text_of(heartbeat).ends_with("0.000 % Used \n"));
}

TEST(HeartbeatTree, SharedCxlHasNoBlankBeforeItsUnit) {
  Heartbeat heartbeat = two_instances();
  heartbeat.cxl_pools = {SharedPoolSnapshot{Bytes{384 * kMiB}, 0.25, {}}};
  EXPECT_TRUE(text_of(heartbeat).ends_with(
      "        └─CXL[0]: Total CXL Device Memory Usage 384.00MB, 0.250 % Used\n"));
  EXPECT_TRUE(text_of(heartbeat, CxlUsage::percent)
                  .ends_with("Total CXL Device Memory Usage 384.00MB, 25.000 % Used\n"));
}

TEST(HeartbeatTree, PrivateCxlHasABranchPerInstanceAndPowerComesLast) {
  Heartbeat heartbeat = two_instances();
  heartbeat.cxl_private = true;
  heartbeat.instances[1].private_cxl_used = Bytes{384 * kMiB};
  heartbeat.power = 452.78999999999996;
  EXPECT_TRUE(text_of(heartbeat).ends_with(
      "        ├─CXL[0]/Instance[1]: Total CXL Device Memory Usage 384.00 MB, 0.000 % Used\n"
      "        └─Avg power consumption: 452.78999999999996 W\n"));
  heartbeat.power = 575.0;
  EXPECT_TRUE(text_of(heartbeat).ends_with("└─Avg power consumption: 575.0 W\n"));
}

TEST(HeartbeatTree, OnlyTheThroughputsHaveColours) {
  Heartbeat heartbeat;
  heartbeat.mark = Nanos{1'000'000'000};
  heartbeat.power = 1.0;
  EXPECT_EQ(heartbeat_tree(heartbeat, Painter(80, true), CxlUsage::fraction),
            "[1.0s] \x1b[34mAvg prompt throughput: 0.0 tokens/s,\x1b[0m "
            "\x1b[34mAvg generation throughput: 0.0 tokens/s\x1b[0m\n"
            "        └─Avg power consumption: 1.0 W\n");
}

}  // namespace
}  // namespace lockstep
