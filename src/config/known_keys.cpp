#include "config/known_keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "config/near_miss.hpp"

namespace lockstep {
namespace {

using Names = std::span<const std::string_view>;

constexpr std::array<std::string_view, 7> kTop{"num_nodes", "nodes",   "link_bw",    "link_latency",
                                               "network",   "cxl_mem", "autoscaling"};
constexpr std::array<std::string_view, 7> kAutoscaling{
    "min",      "max", "target_requests", "cold_start_s", "interval_s", "scale_down_delay_s",
    "tolerance"};
constexpr std::array<std::string_view, 3> kFailure{"at", "down_for", "detected_after"};
constexpr std::array<std::string_view, 9> kNetwork{
    "topology",          "collective_algorithm", "collective_optimization",
    "scheduling_policy", "dataset_splits",       "active_chunks",
    "queues_per_dim",    "endpoint_delay",       "congestion"};
constexpr std::array<std::string_view, 4> kNode{"num_instances", "instances", "cpu_mem", "power"};
constexpr std::array<std::string_view, 4> kCpuMem{"mem_size", "mem_bw", "mem_latency",
                                                  "pim_config"};
constexpr std::array<std::string_view, 4> kCxlMem{"mem_size", "mem_bw", "mem_latency",
                                                  "num_devices"};
constexpr std::array<std::string_view, 4> kNpuMem{"mem_size", "mem_bw", "mem_latency", "mem_util"};
constexpr std::array<std::string_view, 33> kInstance{"model_name",
                                                     "hardware",
                                                     "npu_mem",
                                                     "pd_type",
                                                     "num_npus",
                                                     "tp_size",
                                                     "pp_size",
                                                     "ep_size",
                                                     "dp_group",
                                                     "placement",
                                                     "max_num_seqs",
                                                     "max_num_batched_tokens",
                                                     "long_prefill_token_threshold",
                                                     "block_size",
                                                     "num_gpu_blocks",
                                                     "scheduling_policy",
                                                     "step_policy",
                                                     "speculative_tokens",
                                                     "acceptance_rate",
                                                     "draft_cost_us",
                                                     "max_loras",
                                                     "max_lora_rank",
                                                     "lora_load_bandwidth",
                                                     "dtype",
                                                     "kv_cache_dtype",
                                                     "enable_chunked_prefill",
                                                     "enable_prefix_caching",
                                                     "reserve_full_isl",
                                                     "enable_local_offloading",
                                                     "enable_attn_offloading",
                                                     "enable_sub_batch_interleaving",
                                                     "enable_block_copy",
                                                     "failures"};
constexpr std::array<std::string_view, 3> kPlacement{"default", "blocks", "layers"};
constexpr std::array<std::string_view, 3> kPlaces{"weights", "kv_loc", "kv_evict_loc"};
constexpr std::array<std::string_view, 4> kBlockRule{"blocks", "weights", "kv_loc", "kv_evict_loc"};
constexpr std::array<std::string_view, 7> kPower{
    "base_node_power", "npu", "cpu", "dram", "link", "nic", "storage"};
constexpr std::array<std::string_view, 4> kNpuPower{"idle_power", "standby_power", "active_power",
                                                    "standby_duration"};
constexpr std::array<std::string_view, 3> kCpuPower{"idle_power", "active_power", "util"};
constexpr std::array<std::string_view, 3> kDramPower{"dimm_size", "idle_power", "energy_per_bit"};
constexpr std::array<std::string_view, 3> kLinkPower{"num_links", "idle_power", "energy_per_bit"};
constexpr std::array<std::string_view, 2> kNicPower{"num_nics", "idle_power"};
constexpr std::array<std::string_view, 2> kStoragePower{"num_devices", "idle_power"};

class Walker {
public:
  explicit Walker(std::vector<std::string>& warnings) : warnings_(warnings) {}

  void cluster(const JsonView& top) {
    check(top, kTop);
    check_member(top, "network", kNetwork);
    check_member(top, "cxl_mem", kCxlMem);
    check_member(top, "autoscaling", kAutoscaling);
    each(top, "nodes", [&](const JsonView& node) {
      check(node, kNode);
      check_member(node, "cpu_mem", kCpuMem);
      each(node, "instances", [&](const JsonView& instance) {
        check(instance, kInstance);
        check_member(instance, "npu_mem", kNpuMem);
        each(instance, "failures", [&](const JsonView& failure) { check(failure, kFailure); });
        if (const auto view = instance.find("placement")) {
          placement(*view);
        }
      });
      if (const auto view = node.find("power")) {
        power(*view);
      }
    });
  }

private:
  void placement(const JsonView& view) {
    check(view, kPlacement);
    check_member(view, "default", kPlaces);
    each(view, "blocks", [&](const JsonView& rule) { check(rule, kBlockRule); });
    check_members(view, "layers", kPlaces);
  }

  void power(const JsonView& view) {
    check(view, kPower);
    check_member(view, "cpu", kCpuPower);
    check_member(view, "dram", kDramPower);
    check_member(view, "link", kLinkPower);
    check_member(view, "nic", kNicPower);
    check_member(view, "storage", kStoragePower);
    check_members(view, "npu", kNpuPower);
  }

  void check(const JsonView& view, Names known) {
    if (!view.json().is_object()) {
      return;  // the reader refuses it where it matters
    }
    for (const auto& item : view.json().items()) {
      const std::string& key = item.key();
      if (!key.starts_with('_') && std::ranges::find(known, key) == known.end()) {
        warnings_.push_back(fmt::format("unknown key '{}' is ignored{}",
                                        child_path(view.path(), key), suggestion(key, known)));
      }
    }
  }

  void check_member(const JsonView& view, std::string_view key, Names known) {
    if (!view.json().is_object()) {
      return;
    }
    if (const auto member = view.find(key)) {
      check(*member, known);
    }
  }

  /// All members of view.key, whatever their names.
  void check_members(const JsonView& view, std::string_view key, Names known) {
    const auto members = view.json().is_object() ? view.find(key) : std::nullopt;
    if (members && members->json().is_object()) {
      for (const auto& item : members->json().items()) {
        check_member(*members, item.key(), known);
      }
    }
  }

  template <class Visit>
  void each(const JsonView& view, std::string_view key, const Visit& visit) {
    const auto list = view.json().is_object() ? view.find(key) : std::nullopt;
    if (!list || !list->json().is_array()) {
      return;
    }
    for (std::size_t i = 0; i < list->size(); ++i) {
      if (list->item(i).json().is_object()) {
        visit(list->item(i));
      }
    }
  }

  std::vector<std::string>& warnings_;
};

}  // namespace

std::vector<std::string> unknown_key_warnings(const JsonDocument& document) {
  std::vector<std::string> warnings;
  for (const std::string& path : document.repeated_keys) {
    warnings.push_back(fmt::format("'{}' is given more than once; the last one counts", path));
  }
  Walker(warnings).cluster(JsonView::root(document));
  return warnings;
}

}  // namespace lockstep
