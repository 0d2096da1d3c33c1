#include "serving/prefix_pool.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/numeric.hpp"
#include "model/footprint.hpp"
#include "serving/block_index.hpp"

namespace lockstep {
namespace {

constexpr std::int64_t kChunkTarget = 256;

/// A memory that can hold a lower tier, and how the user knows it.
struct Medium {
  PrefixStorage storage = PrefixStorage::none;
  double size_gb = 0;
  std::string path;  ///< JSON path of its size
};

Medium medium_of(const Cluster& cluster, PrefixStorage storage, std::int32_t node) {
  if (storage == PrefixStorage::cpu) {
    return {storage, cluster.nodes.at(static_cast<std::size_t>(node)).cpu_mem.size_gb,
            fmt::format("nodes[{}].cpu_mem.mem_size", node)};
  }
  return {storage, cluster.cxl ? cluster.cxl->figures.size_gb : 0.0, "cxl_mem.mem_size"};
}

std::string where_of(const Instance& instance) {
  return fmt::format("nodes[{}], instance {}", instance.node, instance.id);
}

/// KV bytes of one token of an instance.
struct TokenBytes {
  Bytes own;    ///< on all ranks, as the instance's own pool counts them
  Bytes exact;  ///< the same without rounding per rank
};

TokenBytes bytes_per_token(const Instance& instance, const FidelityPolicy& policy) {
  const ModelConfig model = policy.kv_heads_split_without_limit
                                ? *instance.model
                                : with_replicated_kv_heads(*instance.model, instance.tp);
  const std::int64_t npus = instance.num_npus;
  return {.own = kv_bytes_per_rank(model, 1, npus, instance.kv_fp()) * npus,
          .exact = kv_bytes_per_rank(model, 1, 1, instance.kv_fp())};
}

std::shared_ptr<PrefixPool> make_pool(const Medium& medium, bool shared, std::int64_t chunk_tokens,
                                      Bytes bytes_per_token) {
  const Bytes bytes_per_chunk = bytes_per_token * chunk_tokens;
  const auto capacity = Bytes{truncate(medium.size_gb * static_cast<double>(kGiB))};
  const std::int64_t chunks = bytes_per_chunk.count() > 0 ? capacity / bytes_per_chunk : 0;
  if (chunks < 1) {
    const double mib = static_cast<double>(bytes_per_chunk.count()) / static_cast<double>(kMiB);
    throw UserError(
        fmt::format("{} memory of {:.2f}GB is not enough for one {}-token chunk ({:.2f}MB) of the "
                    "prefix cache",
                    medium.storage == PrefixStorage::cpu ? "CPU" : "CXL", medium.size_gb,
                    chunk_tokens, mib),
        Where{{}, 0, medium.path},
        fmt::format("set {} to the size of the memory in GB, or take another --prefix-storage",
                    medium.path));
  }
  if (chunks >= std::int64_t{kNoBlock}) {
    throw UserError(fmt::format("{} chunks of the prefix cache are more than a pool can count ({})",
                                chunks, kNoBlock - 1),
                    Where{{}, 0, medium.path}, "use less memory: sizes are in GB");
  }
  return std::make_shared<PrefixPool>(medium.storage, shared, chunk_tokens, chunks,
                                      bytes_per_chunk);
}

/// All of these instances use one pool, so a chunk must mean the same to each.
void check_can_share(const std::vector<const Instance*>& users, const Medium& medium,
                     const FidelityPolicy& policy) {
  const Instance& first = *users.front();
  for (const Instance* user : users) {
    const auto refuse = [&](std::string_view what, const std::string& a, const std::string& b) {
      throw UserError(
          fmt::format("instances that share a prefix pool differ in {}: {} (instance {}) and {} "
                      "(instance {})",
                      what, a, first.id, b, user->id),
          Where{{}, 0, where_of(*user)},
          "make them equal, switch prefix caching off for one of them, or leave out "
          "--enable-prefix-sharing");
    };
    if (user->model->name != first.model->name) {
      refuse("model", first.model->name, user->model->name);
    }
    if (user->fp() != first.fp()) {
      refuse("weight bits", std::to_string(8 * first.fp()), std::to_string(8 * user->fp()));
    }
    if (user->kv_cache_dtype != first.kv_cache_dtype) {
      const auto name = [](KvCacheType type) {
        return std::string(type == KvCacheType::fp8 ? "fp8" : "auto");
      };
      refuse("kv_cache_dtype", name(first.kv_cache_dtype), name(user->kv_cache_dtype));
    }
    if (user->block_size != first.block_size) {
      refuse("block_size", std::to_string(first.block_size), std::to_string(user->block_size));
    }
    const TokenBytes size = bytes_per_token(*user, policy);
    if (size.own != size.exact || size.exact != bytes_per_token(first, policy).exact) {
      refuse("KV bytes per token",
             fmt::format("{} in the pool", bytes_per_token(first, policy).exact.count()),
             fmt::format("{} split over {} NPUs", size.own.count(), user->num_npus));
    }
  }
  if (medium.size_gb <= 0) {
    throw UserError(fmt::format("the shared prefix pool needs a memory, but {} is {}", medium.path,
                                medium.size_gb),
                    Where{{}, 0, medium.path},
                    fmt::format("set {} to the size of the memory in GB", medium.path));
  }
}

}  // namespace

std::int64_t prefix_chunk_tokens(std::int64_t block_size) {
  return std::max(block_size, kChunkTarget / block_size * block_size);
}

std::vector<std::shared_ptr<PrefixPool>> make_prefix_pools(const Cluster& cluster,
                                                           const RunOptions& options,
                                                           std::vector<std::string>& warnings,
                                                           const FidelityPolicy& policy) {
  std::vector<std::shared_ptr<PrefixPool>> pools(cluster.instances.size());
  if (options.prefix_storage == PrefixStorage::none) {
    if (options.enable_prefix_sharing) {
      warnings.emplace_back(
          "--enable-prefix-sharing has no effect without --prefix-storage CPU or CXL");
    }
    return pools;
  }
  // Users of one memory, in instance order; a group is a node for CPU, everything for CXL.
  const bool per_node = options.prefix_storage == PrefixStorage::cpu;
  std::vector<std::vector<const Instance*>> users(per_node ? cluster.nodes.size() : 1);
  for (const Instance& instance : cluster.instances) {
    if (instance.enable_prefix_caching) {
      users[per_node ? static_cast<std::size_t>(instance.node) : 0].push_back(&instance);
    }
  }
  for (const auto& group : users) {
    if (group.empty()) {
      continue;
    }
    Medium medium = medium_of(cluster, options.prefix_storage, group.front()->node);
    std::shared_ptr<PrefixPool> shared;
    if (options.enable_prefix_sharing) {
      check_can_share(group, medium, policy);
      shared = make_pool(medium, true, prefix_chunk_tokens(group.front()->block_size),
                         bytes_per_token(*group.front(), policy).exact);
    }
    if (!shared && !policy.private_tiers_have_all_memory) {
      medium.size_gb /= static_cast<double>(group.size());  // the memory is there once
    }
    for (const Instance* user : group) {
      pools[static_cast<std::size_t>(user->id)] =
          shared ? shared
                 : make_pool(medium, false, prefix_chunk_tokens(user->block_size),
                             bytes_per_token(*user, policy).own);
    }
  }
  return pools;
}

}  // namespace lockstep
