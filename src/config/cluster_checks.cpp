#include "config/cluster_checks.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace lockstep {
namespace {

constexpr std::int64_t kMostNpus = std::int64_t{1} << 20;

[[noreturn]] void refuse_flag(const char* flag, std::string problem, std::string mend) {
  throw UserError(std::move(problem), {"", 0, flag}, std::move(mend));
}

void check_pool_size(PrefixStorage storage, double size_gb) {
  if (size_gb <= 0) {
    const bool cpu = storage == PrefixStorage::cpu;
    refuse_flag(
        "--prefix-storage",
        fmt::format("Memory size for prefix storage type {} is invalid", cpu ? "CPU" : "CXL"),
        cpu ? "set cpu_mem.mem_size above 0 on every node"
            : "add cxl_mem with a mem_size above 0 to the cluster file, or use "
              "--prefix-storage CPU");
  }
}

/// All instances of one shared pool must cut the cache alike.
void check_shared_pool(const std::vector<const Instance*>& users) {
  std::set<std::int64_t> block_sizes;
  std::set<std::string> formats;
  for (const Instance* user : users) {
    block_sizes.insert(user->block_size);
    formats.insert(fmt::format("('{}', {}, '{}')", user->model->name, 8 * user->fp(),
                               user->kv_cache_dtype == KvCacheType::fp8 ? "fp8" : "auto"));
  }
  if (block_sizes.size() > 1) {
    refuse_flag("--enable-prefix-sharing",
                fmt::format("Shared prefix pool requires instances to share block_size; got {{{}}}",
                            fmt::join(block_sizes, ", ")),
                "give the instances one block_size, or leave the flag out");
  }
  if (formats.size() > 1) {
    refuse_flag("--enable-prefix-sharing",
                fmt::format("Shared prefix pool requires instances to share model, dtype, and "
                            "kv_cache_dtype; got {{{}}}",
                            fmt::join(formats, ", ")),
                "share the pool between like instances only, or leave the flag out");
  }
}

void check_prefix_pools(const Cluster& cluster, const RunOptions& options) {
  const bool caching = std::ranges::any_of(cluster.instances, &Instance::enable_prefix_caching);
  if (!caching || options.prefix_storage == PrefixStorage::none) {
    return;
  }
  const bool shared = options.enable_prefix_sharing;
  if (options.prefix_storage == PrefixStorage::cxl) {
    check_pool_size(PrefixStorage::cxl, cluster.cxl ? cluster.cxl->figures.size_gb : 0);
    std::vector<const Instance*> users;
    for (const Instance& instance : cluster.instances) {
      users.push_back(&instance);
    }
    if (shared) {
      check_shared_pool(users);
    }
    return;
  }
  for (std::size_t n = 0; n < cluster.nodes.size(); ++n) {
    std::vector<const Instance*> users;
    for (const Instance& instance : cluster.instances) {
      if (instance.node == static_cast<std::int32_t>(n)) {
        users.push_back(&instance);
      }
    }
    if (!users.empty()) {
      check_pool_size(PrefixStorage::cpu, cluster.nodes[n].cpu_mem.size_gb);
    }
    if (shared) {
      check_shared_pool(users);
    }
  }
}

/// A decode instance goes on with the KV cache that a prefill instance has filled.
std::string unlike_pair(const Instance& prefill, const Instance& decode) {
  if (prefill.model->name != decode.model->name) {
    return fmt::format("model ({} and {})", prefill.model->name, decode.model->name);
  }
  if (prefill.kv_fp() != decode.kv_fp()) {
    return fmt::format("bytes of a KV value ({} and {})", prefill.kv_fp(), decode.kv_fp());
  }
  return {};
}

/// Steps of a group begin together, so either all of its members put them together ahead or none.
void check_groups_speculate(const Cluster& cluster) {
  for (const DpGroup& group : cluster.dp_groups) {
    const auto drafts = [&](std::int32_t member) {
      return cluster.instances[static_cast<std::size_t>(member)].features.speculation.tokens;
    };
    for (const std::int32_t member : group.members) {
      if (drafts(member) != drafts(group.members.front())) {
        throw UserError(
            fmt::format("speculative_tokens is {} for instance {} of DP group '{}' and {} for "
                        "instance {}",
                        drafts(group.members.front()), group.members.front(), group.name,
                        drafts(member), member),
            {"", 0, "nodes[*].instances[*].speculative_tokens"},
            "give all members of a group the same");
      }
    }
  }
}

}  // namespace

void check_size(const JsonView& top, const Cluster& cluster) {
  if (cluster.instances.empty()) {
    top.fail_at("nodes", "the cluster has no instance",
                "add at least one instance to a node's 'instances'");
  }
  if (cluster.total_npus() > kMostNpus) {
    top.fail_at("nodes", fmt::format("the cluster has {} NPUs", cluster.total_npus()),
                fmt::format("use at most {}", kMostNpus));
  }
}

void check_prefill_decode(const Cluster& cluster, const std::vector<JsonView>& instances) {
  const auto first = [&](PdType type) {
    return std::ranges::find(cluster.instances, type, &Instance::pd);
  };
  const auto prefill = first(PdType::prefill);
  const auto decode = first(PdType::decode);
  const auto end = cluster.instances.end();
  if ((prefill == end) == (decode == end)) {
    return;
  }
  const Instance& lonely = prefill == end ? *decode : *prefill;
  const char* const own = prefill == end ? "decode" : "prefill";
  const char* const other = prefill == end ? "prefill" : "decode";
  instances[static_cast<std::size_t>(lonely.id)].fail_at(
      "pd_type",
      fmt::format("instance {} is a {} instance, but the cluster has no {} instance", lonely.id,
                  own, other),
      fmt::format("add a {} instance, or set pd_type to null", other));
}

void check_head_split(const Cluster& cluster, const std::vector<JsonView>& instances) {
  for (const Instance& instance : cluster.instances) {
    const std::int64_t tp = instance.tp;
    const std::int64_t heads = instance.model->num_attention_heads;
    const std::int64_t kv_heads = instance.model->num_key_value_heads;
    const JsonView& place = instances[static_cast<std::size_t>(instance.id)];
    if (heads % tp != 0) {
      place.fail_at("tp_size",
                    fmt::format("{} attention heads do not split over {} ranks", heads, tp),
                    "give a number of ranks that divides the heads");
    }
    if (kv_heads % tp != 0 && tp % kv_heads != 0) {
      place.fail_at(
          "tp_size",
          fmt::format("{} KV heads neither split over {} ranks nor fill them", kv_heads, tp),
          "give a number of ranks that divides the KV heads, or is a multiple of them");
    }
  }
}

void warn_of_unlike_pairs(Cluster& cluster) {
  for (const Instance& prefill : cluster.instances) {
    for (const Instance& decode : cluster.instances) {
      if (prefill.pd != PdType::prefill || decode.pd != PdType::decode) {
        continue;
      }
      if (const std::string what = unlike_pair(prefill, decode); !what.empty()) {
        cluster.warnings.push_back(
            fmt::format("prefill instance {} may hand requests to decode instance {}, which "
                        "differs in {} and could not use their KV cache",
                        prefill.id, decode.id, what));
        return;
      }
    }
  }
}

void check_consistency(const Cluster& cluster, const RunOptions& options) {
  const bool experts = std::ranges::any_of(
      cluster.instances, [](const Instance& instance) { return instance.model->has_experts(); });
  if (experts && options.expert_routing_policy == ExpertRoutingPolicy::custom) {
    refuse_flag("--expert-routing-policy", "no custom expert routing policy is built in",
                "CUSTOM is a place for a policy of your own; use BALANCED, RR or RAND");
  }
  check_prefix_pools(cluster, options);
  check_groups_speculate(cluster);
}

}  // namespace lockstep
