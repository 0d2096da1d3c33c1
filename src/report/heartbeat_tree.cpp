#include "report/heartbeat_tree.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <iterator>
#include <utility>
#include <vector>

#include "config/number_text.hpp"

namespace lockstep {
namespace {

double megabytes(Bytes size) {
  return static_cast<double>(size.count()) / static_cast<double>(kMiB);
}

double percent_of(Bytes part, Bytes whole) {
  return whole.count() == 0
             ? 0.0
             : static_cast<double>(part.count()) / static_cast<double>(whole.count()) * 100.0;
}

/// Empty until a request was counted.
std::string hit_text(const PrefixStats& stats) {
  if (stats.requested == 0) {
    return {};
  }
  const double ratio =
      static_cast<double>(stats.hit) / static_cast<double>(stats.requested) * 100.0;
  return fmt::format(", Prefix Cache Hit ratio {:.2f} %, ({} / {})", ratio, stats.hit,
                     stats.requested);
}

std::string instance_text(std::size_t id, const InstanceSnapshot& instance) {
  std::string text = fmt::format(
      "Running Instance[{}]: {} reqs, Waiting: {} reqs, Total # {} NPUs, "
      "Each NPU Memory Usage {:.2f} MB ({:.3f} % Used)",
      id, instance.running, instance.waiting, instance.num_npus, megabytes(instance.npu_used),
      percent_of(instance.npu_used, instance.npu_capacity));
  if (instance.prefix_caching) {
    text += hit_text(instance.npu_prefix);
  }
  return text;
}

/// "(Instance[0]: 25.00 %, Instance[1]: 75.00 %)": who uses the node's memory.
std::string shares_text(const NodeSnapshot& node, const std::vector<InstanceSnapshot>& instances) {
  std::string text = "(";
  for (const std::int32_t id : node.instances) {
    const Bytes used = instances[static_cast<std::size_t>(id)].cpu_used;
    fmt::format_to(std::back_inserter(text), "{}Instance[{}]: {:.2f} %",
                   text.size() > 1 ? ", " : "", id, percent_of(used, node.cpu_used));
  }
  return text + ')';
}

std::string node_text(std::size_t id, const NodeSnapshot& node,
                      const std::vector<InstanceSnapshot>& instances) {
  std::string text =
      fmt::format("Node[{}]: Total CPU Memory Usage {:.2f} MB, {:.3f} % Used ", id,
                  megabytes(node.cpu_used), percent_of(node.cpu_used, node.cpu_capacity));
  if (node.shared_pool) {
    text += hit_text(node.shared_pool->prefix);
  } else if (node.instances.size() > 1) {
    text += shares_text(node, instances);
  }
  return text;
}

void add_cxl(std::vector<std::string>& branches, const Heartbeat& heartbeat, CxlUsage cxl_usage) {
  const double scale = cxl_usage == CxlUsage::percent ? 100.0 : 1.0;
  for (std::size_t j = 0; j < heartbeat.cxl_pools.size(); ++j) {
    const SharedPoolSnapshot& pool = heartbeat.cxl_pools[j];
    branches.push_back(fmt::format("CXL[{}]: Total CXL Device Memory Usage {:.2f}MB, {:.3f} % Used",
                                   j, megabytes(pool.used), pool.usage * scale));
  }
  if (!heartbeat.cxl_private) {
    return;
  }
  for (std::size_t i = 0; i < heartbeat.instances.size(); ++i) {
    const InstanceSnapshot& instance = heartbeat.instances[i];
    if (instance.private_cxl_used) {
      branches.push_back(fmt::format(
          "CXL[0]/Instance[{}]: Total CXL Device Memory Usage {:.2f} MB, {:.3f} % Used", i,
          megabytes(*instance.private_cxl_used), instance.private_cxl_usage * scale));
    }
  }
}

std::vector<std::string> branches_of(const Heartbeat& heartbeat, CxlUsage cxl_usage) {
  std::vector<std::string> branches;
  for (std::size_t i = 0; i < heartbeat.instances.size(); ++i) {
    branches.push_back(instance_text(i, heartbeat.instances[i]));
  }
  for (std::size_t k = 0; k < heartbeat.nodes.size(); ++k) {
    branches.push_back(node_text(k, heartbeat.nodes[k], heartbeat.instances));
  }
  add_cxl(branches, heartbeat, cxl_usage);
  if (heartbeat.power) {
    branches.push_back(fmt::format("Avg power consumption: {} W", float_text(*heartbeat.power)));
  }
  return branches;
}

}  // namespace

std::string heartbeat_tree(const Heartbeat& heartbeat, const Painter& painter, CxlUsage cxl_usage) {
  const std::string mark =
      fmt::format("[{:.1f}s]", static_cast<double>(heartbeat.mark.count()) / 1e9);
  std::string text = mark + ' ';
  text += painter.paint(style::kThroughput, fmt::format("Avg prompt throughput: {:.1f} tokens/s,",
                                                        heartbeat.prompt_throughput));
  text += ' ';
  text += painter.paint(
      style::kThroughput,
      fmt::format("Avg generation throughput: {:.1f} tokens/s", heartbeat.generation_throughput));
  text += '\n';
  const std::string indent(mark.size() + 2, ' ');
  const std::vector<std::string> branches = branches_of(heartbeat, cxl_usage);
  for (std::size_t i = 0; i < branches.size(); ++i) {
    fmt::format_to(std::back_inserter(text), "{}{}{}\n", indent,
                   i + 1 < branches.size() ? "├─" : "└─", branches[i]);
  }
  return text;
}

}  // namespace lockstep
