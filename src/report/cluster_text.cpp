#include "report/cluster_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>

#include "report/painter.hpp"
#include "serving/capacity.hpp"

namespace lockstep {
namespace {

double gib(Bytes size) {
  return static_cast<double>(size.count()) / static_cast<double>(kGiB);
}

/// 1234567 as 1,234,567.
std::string grouped(std::int64_t number) {
  std::string text = fmt::format("{}", number);
  for (auto at = static_cast<std::int64_t>(text.size()) - 3; at > 0; at -= 3) {
    text.insert(static_cast<std::size_t>(at), ",");
  }
  return text;
}

std::string role_of(const Instance& instance) {
  switch (instance.pd) {
    case PdType::prefill:
      return ", prefill";
    case PdType::decode:
      return ", decode";
    case PdType::none:
      break;
  }
  return {};
}

std::string group_of(const Cluster& cluster, const Instance& instance) {
  return instance.dp_group
             ? fmt::format(", DP group {}",
                           cluster.dp_groups[static_cast<std::size_t>(*instance.dp_group)].name)
             : std::string();
}

/// "┌ text ─...─┐" and the like, `columns` wide.
std::string edge(std::string_view left, std::string_view text, std::string_view right,
                 std::int32_t columns) {
  std::string line = std::string(left) + std::string(text);
  for (std::int32_t i = columns_of(line) + columns_of(right); i < columns; ++i) {
    line += "─";
  }
  return line + std::string(right) + '\n';
}

std::string inside(std::string text, std::int32_t columns) {
  const std::int32_t missing = columns - columns_of(text) - 3;
  return "│ " + text + std::string(static_cast<std::size_t>(std::max(missing, 0)), ' ') + "│\n";
}

/// The NPUs of one instance: a row a pipeline stage.
std::string drawing_of(const Instance& instance, std::int32_t columns) {
  std::string out;
  constexpr std::int64_t kMostShown = 8;
  for (std::int64_t stage = 0; stage < instance.pp; ++stage) {
    std::string row = instance.pp > 1 ? fmt::format("stage {}: ", stage) : std::string();
    for (std::int64_t rank = 0; rank < std::min(instance.tp, kMostShown); ++rank) {
      row += fmt::format("[NPU {}] ", instance.first_npu + stage * instance.tp + rank);
    }
    if (instance.tp > kMostShown) {
      row += fmt::format("… [NPU {}]", instance.first_npu + (stage + 1) * instance.tp - 1);
    }
    out += inside("    " + row, columns);
  }
  return out;
}

std::string drawing(const Cluster& cluster) {
  constexpr std::int32_t kColumns = 78;
  std::string out;
  for (std::size_t node = 0; node < cluster.nodes.size(); ++node) {
    out += edge(
        "┌ ",
        fmt::format("node {}: host memory {:g} GiB, {:g} GB/s ", node,
                    cluster.nodes[node].cpu_mem.size_gb, cluster.nodes[node].cpu_mem.bandwidth),
        "┐", kColumns);
    for (const Instance& instance : cluster.instances) {
      if (instance.node != static_cast<std::int32_t>(node)) {
        continue;
      }
      out += inside(fmt::format("instance {}: {}, {}{}{}", instance.id, instance.model->name,
                                instance.hardware, role_of(instance), group_of(cluster, instance)),
                    kColumns);
      out += drawing_of(instance, kColumns);
    }
    out += edge("└", "", "┘", kColumns);
  }
  return out;
}

std::string network_text(const Cluster& cluster) {
  std::string out = "Network: ";
  for (std::size_t island = 0; island < cluster.islands.size(); ++island) {
    const NetworkDims& dims = cluster.islands[island].dims;
    if (cluster.islands.size() > 1) {
      out += fmt::format("\n  from NPU {}: ", cluster.islands[island].first_npu);
    }
    for (std::size_t d = 0; d < dims.npus.size(); ++d) {
      out += fmt::format("{}dimension {}: {} NPUs, {:g} GB/s, {:g} ns", d > 0 ? "; " : "", d,
                         dims.npus[d], dims.bandwidth[d], dims.latency[d]);
    }
  }
  return out + '\n';
}

std::string experts_text(const Cluster& cluster, const Instance& instance) {
  std::string out;
  for (const ExpertRange& range : experts_by_npu(cluster, instance)) {
    out += fmt::format("    NPU {} holds experts {} to {}\n", range.npu, range.first, range.last);
  }
  return out;
}

std::string memory_text(const Instance& instance, const NpuKvLayout& kv, std::int64_t context) {
  const std::int64_t tokens =
      context > 0 ? context : std::max<std::int64_t>(instance.model->max_position_embeddings, 1);
  const WeightsByKind weights = weights_of_rank(instance);
  std::string out = fmt::format(
      "    memory of a rank: {:.2f} GiB of {:g}: weights {:.2f} (embedding {:.2f}, attention "
      "{:.2f}, "
      "{} {:.2f}, head {:.2f}), {}KV {:.2f}\n",
      gib(kv.capacity) * kv.utilization, instance.npu_mem.size_gb, gib(kv.weight_bytes),
      gib(weights.embedding), gib(weights.attention),
      instance.model->has_experts() ? "experts" : "MLP", gib(weights.feed_forward),
      gib(weights.head),
      kv.reserved > Bytes{0}
          ? fmt::format("{} {:.2f}, ",
                        instance.features.lora.on() ? "activations, context and adapters"
                                                    : "activations and context",
                        gib(kv.reserved))
          : "",
      gib(kv.blocks * kv.bytes_per_block));
  // These two lines are as vLLM logs them: a request fills whole blocks.
  const std::int64_t blocks_each = (tokens + instance.block_size - 1) / instance.block_size;
  out += fmt::format("    GPU KV cache size: {} tokens\n", grouped(kv.tokens()));
  out +=
      fmt::format("    Maximum concurrency for {} tokens per request: {:.2f}x\n", grouped(tokens),
                  static_cast<double>(kv.blocks) / static_cast<double>(blocks_each));
  return out;
}

double seconds(Nanos time) {
  return static_cast<double>(time.count()) / 1e9;
}

std::string failures_text(const Instance& instance) {
  std::string out;
  for (const InstanceFailure& failure : instance.failures) {
    out += fmt::format(
        "    fails at {:g} s, {}; its requests are routed anew {:g} s later\n", seconds(failure.at),
        failure.down_for ? fmt::format("is down for {:g} s", seconds(*failure.down_for))
                         : "and stays down",
        seconds(failure.detected_after));
  }
  return out;
}

std::string autoscaling_text(const Autoscaling& scaling) {
  return fmt::format(
      "\nAutoscaling: {} to {} instances, {:g} requests each; looks every {:g} s, a start takes "
      "{:g} s, falls to the most wanted within {:g} s\n",
      scaling.min, scaling.max, scaling.target, seconds(scaling.interval),
      seconds(scaling.cold_start), seconds(scaling.scale_down_delay));
}

}  // namespace

std::vector<ExpertRange> experts_by_npu(const Cluster& cluster, const Instance& instance) {
  std::vector<ExpertRange> ranges;
  if (!instance.model->has_experts() || instance.ep_total < 1) {
    return ranges;
  }
  std::int64_t first_rank = 0;  // of the instance among the group's
  if (instance.dp_group && instance.ep_total > instance.local_ep) {
    for (const std::int32_t member :
         cluster.dp_groups[static_cast<std::size_t>(*instance.dp_group)].members) {
      if (member == instance.id) {
        break;
      }
      first_rank += instance.local_ep;
    }
  }
  const std::int64_t experts = instance.model->num_experts / instance.ep_total;
  for (std::int64_t npu = 0; npu < instance.num_npus; ++npu) {
    const std::int64_t tensor_rank = npu % instance.tp;
    const std::int64_t rank = first_rank + tensor_rank % instance.local_ep;
    ranges.push_back({instance.first_npu + static_cast<std::int32_t>(npu), rank * experts,
                      (rank + 1) * experts - 1});
  }
  return ranges;
}

std::string cluster_text(const Cluster& cluster, std::span<const NpuKvLayout> layouts,
                         std::int64_t context) {
  std::string out = drawing(cluster);
  out += network_text(cluster);
  if (cluster.cxl) {
    out += fmt::format("CXL memory: {:g} GiB on {} devices, {:g} GB/s each\n",
                       cluster.cxl->figures.size_gb, cluster.cxl->num_devices,
                       cluster.cxl->figures.bandwidth);
  }
  for (std::size_t i = 0; i < cluster.instances.size(); ++i) {
    const Instance& instance = cluster.instances[i];
    out +=
        fmt::format("\ninstance {}: tp {}, pp {}, ep {}{}{}\n", instance.id, instance.tp,
                    instance.pp, instance.ep_total, role_of(instance), group_of(cluster, instance));
    out += experts_text(cluster, instance);
    out += memory_text(instance, layouts[i], context);
    out += fmt::format(
        "    a step: at most {} sequences and {} tokens{}{}\n",
        instance.max_num_seqs > 0 ? fmt::format("{}", instance.max_num_seqs) : "any number of",
        instance.max_num_batched_tokens > 0 ? fmt::format("{}", instance.max_num_batched_tokens)
                                            : "as many as the model's context",
        instance.enable_chunked_prefill ? ", prompts in chunks" : ", prompts whole",
        instance.enable_prefix_caching ? ", prefixes cached" : "");
    out += failures_text(instance);
  }
  for (const DpGroup& group : cluster.dp_groups) {
    out += fmt::format(
        "\nDP group {}: instances {} step together; each step is padded to the largest member, and "
        "an idle member runs one dummy token\n",
        group.name, fmt::join(group.members, ", "));
  }
  if (cluster.autoscaling) {
    out += autoscaling_text(*cluster.autoscaling);
  }
  return out;
}

}  // namespace lockstep
