#include "engine/device_spec.hpp"

#include <utility>

#include "base/error.hpp"

namespace lockstep {
namespace {

MemoryLevelSpec remote_level(const Cluster& cluster) {
  // One figure for all nodes: that of the first.
  const Node& node = cluster.nodes.front();
  MemoryLevelSpec level;
  level.tier = MemoryTier::remote;
  level.bandwidth = node.cpu_mem.bandwidth;
  level.latency = node.cpu_mem.latency;
  level.num_devices = static_cast<std::int64_t>(cluster.nodes.size());
  level.pim_channels = cluster.attn_offloading && node.pim ? node.pim->channels : 0;
  return level;
}

/// The last node's first instance speaks for all of them.
const Instance& last_nodes_first_instance(const Cluster& cluster) {
  const auto last = static_cast<std::int32_t>(cluster.nodes.size()) - 1;
  for (const Instance& instance : cluster.instances) {
    if (instance.node == last) {
      return instance;
    }
  }
  return cluster.instances.front();
}

void set_network(const Cluster& cluster, DeviceSimulatorSpec& spec) {
  const NetworkSettings& settings = cluster.network_settings;
  spec.endpoint_delay = settings.endpoint_delay;
  spec.collectives = CollectiveSettings::all(settings.algorithm_of(0));
  spec.collectives.by_dimension =
      settings.algorithms.size() > 1 ? settings.algorithms : std::vector<CollectiveAlgorithm>{};
  spec.collectives.bandwidth_aware = settings.bandwidth_aware;
  spec.streams = settings.streams;
  spec.congestion_aware = settings.congestion_aware;
  if (cluster.islands.size() > 1) {
    for (const NetworkIsland& island : cluster.islands) {
      spec.islands.push_back({island.first_npu, Topology::from(island.dims, settings)});
    }
  }
}

bool in_one_stage(const Instance& instance) {
  return instance.pp == 1 && instance.pd != PdType::prefill;
}

/// Instances that no pipeline takes apart, those of a data-parallel group together.
void set_companies(const Cluster& cluster, DeviceSimulatorSpec& spec) {
  const auto join = [](const Instance& instance, std::vector<std::int32_t>& company) {
    for (std::int32_t npu = instance.first_npu; npu <= instance.end_npu(); ++npu) {
      company.push_back(npu);
    }
  };
  for (const Instance& instance : cluster.instances) {
    if (!instance.dp_group && in_one_stage(instance)) {
      join(instance, spec.companies.emplace_back());
    }
  }
  for (const DpGroup& group : cluster.dp_groups) {
    std::vector<std::int32_t> company;
    bool whole = true;
    for (const std::int32_t id : group.members) {
      const Instance& member = cluster.instances[static_cast<std::size_t>(id)];
      whole = whole && in_one_stage(member);
      join(member, company);
    }
    if (whole) {
      spec.companies.push_back(std::move(company));
    }
  }
}

}  // namespace

DeviceSimulatorSpec device_spec(const Cluster& cluster, const FidelityPolicy& policy) {
  ensure(!cluster.nodes.empty() && !cluster.instances.empty(), "a cluster without instances");
  DeviceSimulatorSpec spec{.topology = Topology::from(cluster.network, cluster.network_settings),
                           .memory = {},
                           .local_mem_bandwidth = cluster.local_mem_bandwidth,
                           .idle_step = policy.idle_step,
                           .integer_memory_figures = policy.integer_memory_figures,
                           .pim_queues_stride_by_devices = policy.pim_queues_shared_by_nodes,
                           .shorten_last_chunk = !policy.last_chunk_not_shortened};
  if (!policy.shared_reduction_bandwidth) {
    for (const Instance& instance : cluster.instances) {
      spec.local_mem_bandwidths.insert(spec.local_mem_bandwidths.end(),
                                       static_cast<std::size_t>(instance.width()),
                                       instance.npu_mem.bandwidth);
    }
  }
  set_network(cluster, spec);
  set_companies(cluster, spec);
  spec.memory.push_back(remote_level(cluster));
  if (cluster.local_offloading) {
    const Instance& instance = last_nodes_first_instance(cluster);
    MemoryLevelSpec level;
    level.tier = MemoryTier::local;
    level.discipline = MemoryLevelSpec::Discipline::per_npu;
    level.bandwidth = instance.npu_mem.bandwidth;
    level.latency = instance.npu_mem.latency;
    spec.memory.push_back(level);
  }
  if (cluster.cxl) {
    MemoryLevelSpec level;
    level.tier = MemoryTier::cxl;
    level.bandwidth = cluster.cxl->figures.bandwidth;
    level.latency = cluster.cxl->figures.latency;
    level.num_devices = cluster.cxl->num_devices;
    spec.memory.push_back(level);
  }
  return spec;
}

}  // namespace lockstep
