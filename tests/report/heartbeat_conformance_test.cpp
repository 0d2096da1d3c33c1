// Heartbeats of all logs are read into snapshots and printed again.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "reference_data.hpp"
#include "reference_logs.hpp"
#include "report/heartbeat_tree.hpp"

namespace lockstep {
namespace {

using testing::ReferenceLog;

Bytes from_mb(double mb) {
  return Bytes{std::llround(mb * static_cast<double>(kMiB))};
}

/// The capacity of which `used` is `percent`.
Bytes capacity_of(Bytes used, double percent) {
  return percent == 0.0 ? Bytes{0}
                        : Bytes{std::llround(static_cast<double>(used.count()) / percent * 100.0)};
}

void parse_hits(const std::string& text, PrefixStats& stats) {
  const auto at = text.find("Hit ratio");
  if (at != std::string::npos) {
    std::sscanf(text.c_str() + text.find('(', at), "(%ld / %ld)", &stats.hit, &stats.requested);
  }
}

void parse_instance(const std::string& text, Heartbeat& heartbeat) {
  InstanceSnapshot instance;
  int id = 0;
  double mb = 0;
  double percent = 0;
  ASSERT_EQ(
      std::sscanf(text.c_str(),
                  "Running Instance[%d]: %ld reqs, Waiting: %ld reqs, Total # %ld NPUs, Each "
                  "NPU Memory Usage %lf MB (%lf",
                  &id, &instance.running, &instance.waiting, &instance.num_npus, &mb, &percent),
      6)
      << text;
  instance.npu_used = from_mb(mb);
  instance.npu_capacity = capacity_of(instance.npu_used, percent);
  instance.prefix_caching = true;
  parse_hits(text, instance.npu_prefix);
  heartbeat.instances.push_back(instance);
}

void parse_node(const std::string& text, Heartbeat& heartbeat) {
  NodeSnapshot node;
  int id = 0;
  double mb = 0;
  double percent = 0;
  ASSERT_EQ(
      std::sscanf(text.c_str(), "Node[%d]: Total CPU Memory Usage %lf MB, %lf", &id, &mb, &percent),
      3)
      << text;
  node.cpu_used = from_mb(mb);
  node.cpu_capacity = capacity_of(node.cpu_used, percent);
  if (text.find("Hit ratio") != std::string::npos) {
    node.shared_pool.emplace();
    parse_hits(text, node.shared_pool->prefix);
  }
  for (auto at = text.find("Instance["); at != std::string::npos;
       at = text.find("Instance[", at + 1)) {
    int instance = 0;
    double share = 0;
    std::sscanf(text.c_str() + at, "Instance[%d]: %lf", &instance, &share);
    node.instances.push_back(instance);
    heartbeat.instances[static_cast<std::size_t>(instance)].cpu_used = from_mb(mb * share / 100.0);
  }
  heartbeat.nodes.push_back(node);
}

void parse_cxl(const std::string& text, Heartbeat& heartbeat) {
  const double mb = std::strtod(text.c_str() + text.find("Usage ") + 6, nullptr);
  const double usage = std::strtod(text.c_str() + text.find(", ") + 2, nullptr);
  if (text.starts_with("CXL[0]/Instance[")) {
    const auto instance = static_cast<std::size_t>(std::atoi(text.c_str() + 16));
    heartbeat.cxl_private = true;
    heartbeat.instances[instance].private_cxl_used = from_mb(mb);
    heartbeat.instances[instance].private_cxl_usage = usage;
  } else {
    heartbeat.cxl_pools.push_back({from_mb(mb), usage, {}});
  }
}

void parse_branch(const std::string& text, Heartbeat& heartbeat) {
  if (text.starts_with("Running")) {
    parse_instance(text, heartbeat);
  } else if (text.starts_with("Node")) {
    parse_node(text, heartbeat);
  } else if (text.starts_with("CXL")) {
    parse_cxl(text, heartbeat);
  } else {
    heartbeat.power = std::strtod(text.c_str() + text.find(": ") + 2, nullptr);
  }
}

bool is_branch(const std::string& line) {
  return line.find("├─") != std::string::npos || line.find("└─") != std::string::npos;
}

TEST(HeartbeatConformance, EveryTreeIsPrintedAsItWas) {
  LOCKSTEP_REQUIRE_REFERENCE(reference);
  std::size_t heartbeats = 0;
  for (const auto& file : testing::all_logs(reference)) {
    const ReferenceLog log(file);
    const Painter painter(80, log.coloured);
    for (std::size_t begin = log.find("s] Avg prompt"); begin < log.plain.size();
         begin = log.find("s] Avg prompt", begin + 1)) {
      Heartbeat heartbeat;
      double mark = 0;
      std::sscanf(log.plain[begin].c_str(),
                  "[%lfs] Avg prompt throughput: %lf tokens/s, Avg generation throughput: %lf",
                  &mark, &heartbeat.prompt_throughput, &heartbeat.generation_throughput);
      heartbeat.mark = Nanos{std::llround(mark * 1e9)};
      std::size_t end = begin + 1;
      for (; end < log.plain.size() && log.plain[end].starts_with("     ") &&
             is_branch(log.plain[end]);
           ++end) {
        const std::string& line = log.plain[end];
        parse_branch(line.substr(line.find("─") + 3), heartbeat);
      }
      ASSERT_EQ(heartbeat_tree(heartbeat, painter, CxlUsage::fraction), log.text(begin, end))
          << file;
      ++heartbeats;
    }
  }
  std::printf("%zu heartbeats\n", heartbeats);
  EXPECT_GE(heartbeats, 600U);
}

}  // namespace
}  // namespace lockstep
