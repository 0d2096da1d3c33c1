#include "serving/memory_profile.hpp"

#include <algorithm>

namespace lockstep {
namespace {

constexpr std::int64_t kBytesPerLogit = 30;
constexpr Bytes kContext{240 * kMiB};

/// Elements that one token's widest layer holds at once on a rank.
std::int64_t widest_row(const Instance& instance) {
  const ModelConfig& model = *instance.model;
  const std::int64_t attention = (2 * model.q_dim() + 2 * model.kv_dim()) / instance.tp;
  std::int64_t feed_forward = 3 * model.intermediate_size / instance.tp;
  if (model.has_experts()) {
    const std::int64_t copies = model.num_experts_per_tok;
    feed_forward = copies * (3 * model.moe_intermediate_size + model.hidden_size) /
                   std::max<std::int64_t>(instance.ep_total, 1);
  }
  return std::max(attention, feed_forward);
}

}  // namespace

MemoryProfile memory_profile(const Instance& instance) {
  const ModelConfig& model = *instance.model;
  const std::int64_t tokens = instance.max_num_batched_tokens > 0 ? instance.max_num_batched_tokens
                                                                  : model.max_position_embeddings;
  const std::int64_t sequences =
      instance.max_num_seqs > 0 ? std::min(instance.max_num_seqs, tokens) : tokens;
  MemoryProfile profile;
  profile.activations =
      Bytes{tokens * (2 * model.hidden_size + widest_row(instance)) * instance.fp()};
  profile.sampling = Bytes{sequences * model.vocab_size * kBytesPerLogit};
  profile.context = kContext;
  return profile;
}

}  // namespace lockstep
