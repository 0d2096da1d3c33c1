#include "serving/npu_kv_layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "base/error.hpp"
#include "base/numeric.hpp"
#include "model/architecture.hpp"
#include "model/footprint.hpp"
#include "serving/block_index.hpp"
#include "serving/lora_shape.hpp"
#include "serving/memory_profile.hpp"
#include "serving/server_memory.hpp"

namespace lockstep {
namespace {

double mib(Bytes size) {
  return static_cast<double>(size.count()) / static_cast<double>(kMiB);
}

double gib(Bytes size) {
  return static_cast<double>(size.count()) / static_cast<double>(kGiB);
}

Where where_of(const Instance& instance, const char* key) {
  return Where{{}, 0, fmt::format("nodes[{}], instance {}: {}", instance.node, instance.id, key)};
}

std::string ways_to_shrink(const Instance& instance) {
  return fmt::format("more NPUs per replica (tp_size is {}, pp_size {}) or a smaller dtype",
                     instance.tp, instance.pp);
}

[[noreturn]] void refuse_weights(const Instance& instance, const NpuKvLayout& layout) {
  const std::int64_t npus = instance.num_npus;
  throw UserError(
      fmt::format("Model size {}GB exceeds total NPU memory {}GB",
                  layout.weight_bytes.count() * npus / kGiB, layout.capacity.count() * npus / kGiB),
      where_of(instance, "npu_mem.mem_size"),
      fmt::format("each NPU needs more than {:.2f} GB for the weights alone: use larger NPUs, {}",
                  gib(layout.weight_bytes), ways_to_shrink(instance)));
}

[[noreturn]] void refuse_kv(const Instance& instance, const NpuKvLayout& layout, Bytes requested) {
  const Bytes least = layout.weight_bytes + layout.reserved + layout.bytes_per_block;
  const double least_share =
      static_cast<double>(least.count()) / static_cast<double>(layout.capacity.count());
  const std::string raise_share =
      least_share <= 1.0 ? fmt::format("raise mem_util above {:.4f}, ", least_share) : "";
  throw UserError(
      fmt::format(
          "no room for one KV block at utilization {}: {:.2f}MB are left for the KV cache "
          "({:.2f}MB requested of {:.2f}MB NPU memory, {:.2f}MB weights{}), and one block of "
          "{} tokens takes {:.2f}MB",
          layout.utilization, mib(requested - layout.weight_bytes - layout.reserved),
          mib(requested), mib(layout.capacity), mib(layout.weight_bytes),
          layout.reserved > Bytes{0}
              ? fmt::format(", {:.2f}MB activations{} context", mib(layout.reserved),
                            instance.features.lora.on() ? ", adapters and" : " and")
              : "",
          layout.block_size, mib(layout.bytes_per_block)),
      where_of(instance, "npu_mem.mem_util"),
      fmt::format("{}use larger NPUs, {}", raise_share, ways_to_shrink(instance)));
}

/// A pool numbers its blocks in 32 bits.
NpuKvLayout with_countable_blocks(const Instance& instance, const NpuKvLayout& layout) {
  if (layout.blocks >= std::int64_t{kNoBlock}) {
    throw UserError(
        fmt::format("{} KV blocks of {} tokens are more than a pool can count ({})", layout.blocks,
                    layout.block_size, kNoBlock - 1),
        where_of(instance, instance.num_gpu_blocks ? "num_gpu_blocks" : "npu_mem.mem_size"),
        "use less memory (mem_size is in GB) or larger blocks");
  }
  return layout;
}

/// Weights of one rank that the placement keeps off the NPU.
Bytes placed_elsewhere(const Instance& instance, const ModelConfig& model) {
  if (model.model_type.empty()) {
    return {};
  }
  const Architecture& architecture = architecture_for(model.model_type);
  const auto off_npu = [&](const std::vector<Layer>& layers, std::optional<std::int64_t> block) {
    Bytes sum;
    for (const Layer layer : layers) {
      if (instance.placement.weights(block, layer).tier != MemoryTier::local) {
        const std::int64_t parallel = layer == Layer::moe ? instance.ep_total : instance.tp;
        sum += tensor_sizes(model, layer, 1, 0, parallel, instance.fp()).weight;
      }
    }
    return sum;
  };
  const auto& mlp = model.has_experts() ? architecture.mlp_moe : architecture.mlp_dense;
  Bytes blocks;
  for (std::int64_t block = 0; block < model.num_hidden_layers; ++block) {
    blocks += off_npu(architecture.pre_attn, block) + off_npu(architecture.post_attn, block) +
              off_npu(mlp, block);
  }
  return off_npu(architecture.prologue, std::nullopt) + off_npu(architecture.head, std::nullopt) +
         blocks / instance.pp;
}

Bytes resident_weights(const Instance& instance, const ModelConfig& model,
                       const FidelityPolicy& policy) {
  Bytes weights =
      weight_bytes_per_rank(model, instance.tp, instance.pp, instance.ep_total, instance.fp());
  if (!policy.tied_embeddings_charged_twice && model.tie_word_embeddings) {
    weights =
        weights - tensor_sizes(model, Layer::embedding, 1, 0, instance.tp, instance.fp()).weight;
  }
  if (!policy.placed_weights_occupy_npu) {
    weights = std::max(weights - placed_elsewhere(instance, model), Bytes{0});
  }
  return weights;
}

NpuKvLayout plan_described(const Instance& instance, NpuKvLayout layout) {
  const std::int64_t context = instance.description->max_context;
  const std::int64_t tokens =
      instance.max_num_batched_tokens > 0 ? instance.max_num_batched_tokens : context;
  const KvPool pool =
      size_kv_pool(*instance.description, instance.split(),
                   {.gpu = layout.capacity,
                    .utilization = layout.utilization,
                    .max_num_batched_tokens = tokens,
                    .max_num_seqs = instance.max_num_seqs > 0 ? instance.max_num_seqs : tokens,
                    .block_size = instance.block_size,
                    .profile = instance.terms.memory_profile});
  layout.bytes_per_block = pool.block;
  layout.weight_bytes = pool.weights;
  layout.reserved = pool.reserved + pool.windows;
  if (layout.weight_bytes > layout.capacity) {
    refuse_weights(instance, layout);
  }
  if (!instance.num_gpu_blocks && pool.blocks == 0) {
    refuse_kv(instance, layout,
              Bytes{truncate(static_cast<double>(layout.capacity.count()) * layout.utilization)});
  }
  layout.blocks = instance.num_gpu_blocks.value_or(pool.blocks);
  return with_countable_blocks(instance, layout);
}

}  // namespace

NpuKvLayout plan_npu_kv(const Instance& instance, const FidelityPolicy& policy) {
  NpuKvLayout layout;
  layout.block_size = instance.block_size;
  layout.capacity = Bytes{truncate(instance.npu_mem.size_gb * static_cast<double>(kGiB))};
  layout.utilization = instance.mem_util;
  if (instance.description) {
    return plan_described(instance, layout);
  }
  const ModelConfig model = policy.kv_heads_split_without_limit
                                ? *instance.model
                                : with_replicated_kv_heads(*instance.model, instance.tp);
  layout.bytes_per_block =
      kv_bytes_per_rank(model, 1, instance.num_npus, instance.kv_fp()) * instance.block_size;
  layout.weight_bytes = resident_weights(instance, model, policy);
  if (layout.weight_bytes > layout.capacity) {
    refuse_weights(instance, layout);
  }
  const auto requested =
      Bytes{truncate(static_cast<double>(layout.capacity.count()) * layout.utilization)};
  layout.reserved = instance.terms.memory_profile ? memory_profile(instance).reserved() : Bytes{0};
  layout.reserved += lora_bytes(instance);
  const Bytes for_kv = requested - layout.weight_bytes - layout.reserved;
  if (layout.bytes_per_block.count() < 1) {
    throw UserError(fmt::format("one token's KV cache, split over {} NPUs, is less than a byte",
                                instance.num_npus),
                    where_of(instance, "num_npus"), "use fewer NPUs per replica");
  }
  if (!instance.num_gpu_blocks && for_kv < layout.bytes_per_block) {
    refuse_kv(instance, layout, requested);
  }
  layout.blocks = instance.num_gpu_blocks.value_or(for_kv / layout.bytes_per_block);
  return with_countable_blocks(instance, layout);
}

}  // namespace lockstep
