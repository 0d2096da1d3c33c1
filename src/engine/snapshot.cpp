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

/// The shared pool of some instance that `belongs` accepts, or null.
template <class Predicate>
const PrefixPool* shared_pool(const std::vector<std::unique_ptr<ServingInstance>>& instances,
                              PrefixStorage storage, Predicate belongs) {
  for (const auto& instance : instances) {
    const PrefixPool* lower = instance->scheduler().kv().lower();
    if (lower != nullptr && lower->shared && lower->storage == storage &&
        belongs(instance->config())) {
      return lower;
    }
  }
  return nullptr;
}

NodeSnapshot of_node(const Cluster& cluster, std::size_t node,
                     const std::vector<std::unique_ptr<ServingInstance>>& instances,
                     const std::vector<InstanceSnapshot>& snapshots) {
  NodeSnapshot result;
  result.cpu_capacity = gigabytes(cluster.nodes[node].cpu_mem.size_gb);
  const auto here = [&](const Instance& instance) {
    return instance.node == static_cast<std::int32_t>(node);
  };
  for (const auto& instance : instances) {
    if (here(instance->config())) {
      result.instances.push_back(instance->config().id);
      result.cpu_used += snapshots[static_cast<std::size_t>(instance->config().id)].cpu_used;
    }
  }
  if (const PrefixPool* pool = shared_pool(instances, PrefixStorage::cpu, here)) {
    result.shared_pool = of_pool(*pool);
    result.cpu_used = result.shared_pool->used;
  }
  return result;
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
  for (std::size_t node = 0; node < cluster.nodes.size(); ++node) {
    beat.nodes.push_back(of_node(cluster, node, instances, beat.instances));
  }
  const auto anywhere = [](const Instance&) { return true; };
  if (const PrefixPool* pool = shared_pool(instances, PrefixStorage::cxl, anywhere)) {
    beat.cxl_pools.push_back(of_pool(*pool));
  }
  return beat;
}

}  // namespace lockstep
