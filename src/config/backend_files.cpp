#include "config/backend_files.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "config/number_text.hpp"

namespace lockstep {
namespace {

using Json = nlohmann::ordered_json;

/// Integral figures are written without a point.
Json number(double value) {
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (std::trunc(value) == value && std::fabs(value) < kExact) {
    return static_cast<std::int64_t>(value);
  }
  return value;
}

Json level(std::string_view type, Json bandwidth, Json latency) {
  Json entry;
  entry["memory-type"] = type;
  entry["mem-bw"] = std::move(bandwidth);
  entry["mem-latency"] = std::move(latency);
  return entry;
}

std::vector<std::string> float_texts(const std::vector<double>& values) {
  std::vector<std::string> texts;
  for (const double value : values) {
    texts.push_back(float_text(value));
  }
  return texts;
}

/// The first instance of the last node that has any.
const Instance& last_node_instance(const Cluster& cluster) {
  const std::int32_t node = cluster.instances.back().node;
  for (const Instance& instance : cluster.instances) {
    if (instance.node == node) {
      return instance;
    }
  }
  return cluster.instances.back();
}

}  // namespace

std::string network_yml(const Cluster& cluster) {
  if (cluster.islands.size() > 1) {
    throw UserError(fmt::format("the network has {} separate grids", cluster.islands.size()),
                    {"", 0, "nodes"},
                    "a network file holds one grid: use instances or DP groups of like shape");
  }
  const NetworkDims& dims = cluster.network;
  std::vector<std::string_view> types;
  for (std::size_t d = 0; d < dims.npus.size(); ++d) {
    types.push_back(topology_name(cluster.network_settings.topology_of(d)));
  }
  return fmt::format("topology: [{}]\nnpus_count: [{}]\nbandwidth: [{}]\nlatency: [{}]\n",
                     fmt::join(types, ", "), fmt::join(dims.npus, ", "),
                     fmt::join(float_texts(dims.bandwidth), ", "),
                     fmt::join(float_texts(dims.latency), ", "));
}

std::string system_json(const Cluster& cluster) {
  const NetworkSettings& settings = cluster.network_settings;
  std::vector<std::string> algorithms;
  for (std::size_t d = 0; d < cluster.network.npus.size(); ++d) {
    algorithms.push_back(algorithm_name(settings.algorithm_of(d)));
  }
  Json system;
  system["scheduling-policy"] = policy_name(settings.streams.policy);
  system["endpoint-delay"] = settings.endpoint_delay.count();
  system["active-chunks-per-dimension"] = settings.streams.active_chunks;
  system["preferred-dataset-splits"] = settings.streams.dataset_splits;
  for (const char* collective : {"all-reduce", "all-gather", "reduce-scatter", "all-to-all"}) {
    system[fmt::format("{}-implementation", collective)] = algorithms;
  }
  system["collective-optimization"] = settings.bandwidth_aware ? "localBWAware" : "baseline";
  system["local-mem-bw"] = number(std::trunc(cluster.local_mem_bandwidth));
  system["boost-mode"] = 0;
  return system.dump(2);
}

std::string memory_expansion_json(const Cluster& cluster) {
  Json memory;
  if (cluster.cxl) {
    const MemoryFigures& figures = cluster.cxl->figures;
    Json entry = level("MEMORY_POOL", number(figures.bandwidth), number(figures.latency));
    entry["num-devices"] = cluster.cxl->num_devices;
    memory["cxl_mem"] = std::move(entry);
  }
  const Node& node = cluster.nodes.front();
  const bool pim = node.pim.has_value();
  Json remote = level(
      "PER_NODE_MEMORY_EXPANSION",
      pim ? Json(node.cpu_mem.bandwidth) : number(node.cpu_mem.bandwidth),
      pim && !node.pim->whole_latency ? Json(node.cpu_mem.latency) : number(node.cpu_mem.latency));
  remote["num-devices"] = cluster.nodes.size();
  if (pim) {
    remote["pim-channels"] = static_cast<double>(node.pim->channels);
  }
  memory["remote_mem"] = std::move(remote);
  if (cluster.local_offloading) {
    const MemoryFigures& figures = last_node_instance(cluster).npu_mem;
    memory["local_mem"] =
        level("PER_NPU_MEMORY_EXPANSION", number(figures.bandwidth), number(figures.latency));
  }
  return memory.dump(2);
}

}  // namespace lockstep
