// Bytes: weights and KV cache of one rank, and the tensors of one layer.
#pragma once

#include <cstdint>

#include "base/units.hpp"
#include "model/layer.hpp"
#include "model/model_config.hpp"

namespace lockstep {

/// Weights of one rank. `ep` is the total expert-parallel degree. Embedding, final norm and head
/// are counted on every rank, whatever its pipeline stage.
[[nodiscard]] Bytes weight_bytes_per_rank(const ModelConfig& model, std::int64_t tp,
                                          std::int64_t pp, std::int64_t ep, std::int64_t fp);

/// The same weights by what they are for; `total()` is weight_bytes_per_rank.
struct WeightsByKind {
  Bytes embedding;     ///< token table
  Bytes attention;     ///< projections into and out of attention, all layers of the rank
  Bytes feed_forward;  ///< MLPs, or experts and their gates, all layers of the rank
  Bytes norms;
  Bytes head;  ///< output projection

  [[nodiscard]] Bytes total() const { return embedding + attention + feed_forward + norms + head; }
};
[[nodiscard]] WeightsByKind weights_by_kind(const ModelConfig& model, std::int64_t tp,
                                            std::int64_t pp, std::int64_t ep, std::int64_t fp);

/// The model as `tp` ranks run it that hold whole KV heads: with fewer heads than ranks each rank
/// has a copy of one, as if there were `tp` heads. Otherwise the model itself.
[[nodiscard]] ModelConfig with_replicated_kv_heads(const ModelConfig& model, std::int64_t tp);

/// KV cache of `tokens` tokens on one of `num_npus` ranks: 2*kv_dim*tokens*L*kv_fp // num_npus.
[[nodiscard]] Bytes kv_bytes_per_rank(const ModelConfig& model, std::int64_t tokens,
                                      std::int64_t num_npus, std::int64_t kv_fp);

struct TensorSizes {
  Bytes input, weight, output;
  friend bool operator==(const TensorSizes&, const TensorSizes&) = default;
};

/// Tensors of one layer for `tokens` rows; `parallel` is tp, or the total ep for `moe`.
/// `kv_len` matters for attention only, whose cached values have `kv_fp` bytes (0: `fp`).
[[nodiscard]] TensorSizes tensor_sizes(const ModelConfig& model, Layer layer, std::int64_t tokens,
                                       std::int64_t kv_len, std::int64_t parallel, std::int64_t fp,
                                       std::int64_t kv_fp = 0);
/// Attention of one request offloaded to memory-side compute.
[[nodiscard]] TensorSizes pim_attention_sizes(const ModelConfig& model, std::int64_t parallel,
                                              std::int64_t fp, std::int64_t kv_fp = 0);

}  // namespace lockstep
