#include "engine/snapshot.hpp"

#include <algorithm>
#include <cmath>

namespace lockstep {
namespace {

Bytes gigabytes(double size_gb) {
  return Bytes{static_cast<std::int64_t>(size_gb * static_cast<double>(kGiB))};
}

SharedPoolSnapshot of_pool(const PrefixPool& pool) {
  return {pool.blocks.used_bytes(), pool.blocks.usage(), pool.stats};
}

InstanceSnapshot of_instance(const ServingInstance& instance, Nanos now) {
  const Scheduler& scheduler = instance.scheduler();
  const KVCacheManager& kv = scheduler.kv();
  InstanceSnapshot snapshot;
  snapshot.running = static_cast<std::int64_t>(scheduler.num_running());
  snapshot.waiting = static_cast<std::int64_t>(scheduler.num_waiting_arrived(now));
  snapshot.num_npus = instance.config().num_npus;
  snapshot.npu_used = npu_bytes_used(scheduler);
  snapshot.npu_capacity = kv.layout().capacity;
  snapshot.prefix_caching = kv.prefix_caching();
  snapshot.npu_prefix = kv.npu_stats();
  if (const PrefixPool* lower = kv.lower(); lower != nullptr && !lower->shared) {
    if (lower->storage == PrefixStorage::cpu) {
      snapshot.cpu_used = lower->blocks.used_bytes();
    } else {
      snapshot.private_cxl_used = lower->blocks.used_bytes();
      snapshot.private_cxl_usage = lower->blocks.usage();
    }
  }
  return snapshot;
}

/// That of some instance, or null.
const PrefixPool* shared_cxl_pool(const std::vector<std::unique_ptr<ServingInstance>>& instances) {
  for (const auto& instance : instances) {
    const PrefixPool* lower = instance->scheduler().kv().lower();
    if (lower != nullptr && lower->shared && lower->storage == PrefixStorage::cxl) {
      return lower;
    }
  }
  return nullptr;
}

/// Of all nodes; one look at each instance.
std::vector<NodeSnapshot> of_nodes(const Cluster& cluster,
                                   const std::vector<std::unique_ptr<ServingInstance>>& instances,
                                   const std::vector<InstanceSnapshot>& snapshots) {
  std::vector<NodeSnapshot> nodes(cluster.nodes.size());
  for (std::size_t node = 0; node < nodes.size(); ++node) {
    nodes[node].cpu_capacity = gigabytes(cluster.nodes[node].cpu_mem.size_gb);
  }
  for (const auto& instance : instances) {
    const Instance& config = instance->config();
    NodeSnapshot& node = nodes[static_cast<std::size_t>(config.node)];
    node.instances.push_back(config.id);
    node.cpu_used += snapshots[static_cast<std::size_t>(config.id)].cpu_used;
    const PrefixPool* pool = instance->scheduler().kv().lower();
    const bool is_shared = pool != nullptr && pool->shared && pool->storage == PrefixStorage::cpu;
    if (is_shared && !node.shared_pool) {
      node.shared_pool = of_pool(*pool);
    }
  }
  for (NodeSnapshot& node : nodes) {
    node.cpu_used = node.shared_pool ? node.shared_pool->used : node.cpu_used;
  }
  return nodes;
}

}  // namespace

Bytes npu_bytes_used(const Scheduler& scheduler) {
  return scheduler.kv().layout().weight_bytes + scheduler.kv().npu_used_bytes();
}

Heartbeat take_snapshot(const Cluster& cluster,
                        const std::vector<std::unique_ptr<ServingInstance>>& instances, Nanos now) {
  Heartbeat beat;
  beat.now = now;
  for (const auto& instance : instances) {
    beat.instances.push_back(of_instance(*instance, now));
    beat.cxl_private |= beat.instances.back().private_cxl_used.has_value();
  }
  beat.nodes = of_nodes(cluster, instances, beat.instances);
  if (const PrefixPool* pool = shared_cxl_pool(instances)) {
    beat.cxl_pools.push_back(of_pool(*pool));
  }
  return beat;
}

}  // namespace lockstep
