#include "engine/result_collection.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace lockstep {
namespace {

/// A shared pool counts once, whoever uses it.
void add_lower_hits(const PrefixPool* pool, std::vector<const PrefixPool*>& seen,
                    PrefixTotals& totals) {
  if (pool == nullptr || std::find(seen.begin(), seen.end(), pool) != seen.end()) {
    return;
  }
  seen.push_back(pool);
  totals.lower_hit += pool->stats.hit;
}

void collect_requests(const ServingInstance& instance, RunResult& result) {
  auto& done = result.done.emplace_back();
  for (const Request* request : instance.scheduler().done()) {
    done.push_back(request);
    result.input_tokens += request->input;
  }
  result.preemptions += instance.scheduler().num_preemptions();
  result.recompute_tokens += instance.scheduler().recompute_tokens();
}

void empty_caches(ServingInstance& instance, RunResult& result) {
  KVCacheManager& kv = instance.scheduler().kv();
  if (const std::int64_t held = kv.blocks_in_use(); held != 0) {
    result.leaks.push_back(fmt::format("instance {}: NPU pool {}/{} blocks still in use",
                                       instance.config().id, held, kv.layout().blocks));
  }
  kv.reset();
}

}  // namespace

void collect_instances(std::vector<std::unique_ptr<ServingInstance>>& instances,
                       const RunOptions& options, RunResult& result) {
  std::vector<const PrefixPool*> seen;
  result.prefix.storage = options.prefix_storage;
  for (const auto& instance : instances) {
    collect_requests(*instance, result);
    const KVCacheManager& kv = instance->scheduler().kv();
    result.peak_kv_blocks.push_back(kv.npu_pool().peak_used());
    if (kv.prefix_caching()) {
      result.prefix.any_caching = true;
      result.prefix.requested += kv.npu_stats().requested;
      result.prefix.npu_hit += kv.npu_stats().hit;
      add_lower_hits(kv.lower(), seen, result.prefix);
    }
    const LookupCounts& counts = instance->traces().lookups();
    for (std::size_t i = 0; i < counts.by_source.size(); ++i) {
      result.lookups.by_source[i] += counts.by_source[i];
    }
  }
  for (const auto& instance : instances) {
    empty_caches(*instance, result);
  }
}

void collect_energy(const Cluster& cluster, const PowerModel* power, RunResult& result) {
  if (power == nullptr) {
    return;
  }
  result.interval_power = power->series();
  for (std::size_t node = 0; node < cluster.nodes.size(); ++node) {
    const auto id = static_cast<std::int32_t>(node);
    const PowerModel::Components c = power->components(id, result.total_clocks);
    result.energy.push_back({power->node_energy(id, result.total_clocks),
                             {c.base, c.npu, c.cpu, c.memory, c.link, c.nic, c.storage}});
    result.total_energy += result.energy.back().total;
  }
}

}  // namespace lockstep
