#include "serving/server_memory.hpp"

#include <algorithm>

#include "model/description/cache_size.hpp"
#include "model/description/parameter_count.hpp"

namespace lockstep {
namespace {

/// Contexts, NCCL buffers, captured graphs: what vLLM reports beside weights and activations.
constexpr std::int64_t kOutsideTorch = 2 * kGiB;

std::int64_t widest_row(const ModelDescription& model, const ParallelSplit& split) {
  std::int64_t widest = 0;
  for (const LayerGroup& group : model.layers) {
    if (const auto* mlp = std::get_if<DenseMlp>(&group.kind.feed_forward)) {
      widest = std::max(widest, 3 * mlp->width / split.tp);
    } else if (const auto* experts = std::get_if<ExpertMlp>(&group.kind.feed_forward)) {
      // Each token is copied to its experts.
      widest =
          std::max(widest, experts->top_k * (3 * experts->width / split.moe_tp + model.hidden));
    }
  }
  return widest;
}

Bytes activation_peak(const ModelDescription& model, const ParallelSplit& split,
                      const ServerMemory& memory) {
  const std::int64_t rows =
      memory.max_num_batched_tokens * (4 * model.hidden + widest_row(model, split)) * 2;
  const std::int64_t logits = memory.max_num_seqs * model.vocab * (2 + 4);
  return Bytes{rows + logits};
}

bool keeps_all(const LayerKind& kind) {
  const auto* heads = std::get_if<HeadAttention>(&kind.mixer);
  return heads == nullptr || heads->window == 0 || heads->chunked;
}

}  // namespace

KvPool size_kv_pool(const ModelDescription& model, const ParallelSplit& split,
                    const ServerMemory& memory) {
  KvPool pool;
  pool.weights = count_rank_parameters(model, split).bytes();
  pool.reserved =
      memory.profile ? activation_peak(model, split, memory) + Bytes{kOutsideTorch} : Bytes{0};
  std::int64_t full = 0;
  std::int64_t windows = 0;  // bytes a sequence
  for (const LayerGroup& group : model.layers) {
    const std::int64_t token =
        cache_bytes_per_token(model, group.kind, split.tp).count() * group.count;
    if (keeps_all(group.kind)) {
      full += token;
      windows += state_bytes(model, group.kind, split.tp).count() * group.count;
    } else {
      windows += token * (std::get<HeadAttention>(group.kind.mixer).window + memory.block_size);
    }
  }
  const auto usable =
      static_cast<std::int64_t>(static_cast<double>(memory.gpu.count()) * memory.utilization);
  std::int64_t left = usable - pool.weights.count() - pool.reserved.count();
  pool.windows =
      Bytes{std::min(windows * memory.max_num_seqs, std::max<std::int64_t>(left / 2, 0))};
  left -= pool.windows.count();
  pool.block = Bytes{full * memory.block_size / split.pp};
  pool.blocks = left > 0 && full > 0 ? left / std::max<std::int64_t>(pool.block.count(), 1) : 0;
  return pool;
}

}  // namespace lockstep
