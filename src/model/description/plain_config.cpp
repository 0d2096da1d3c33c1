#include "model/description/plain_config.hpp"

#include <algorithm>
#include <string>

namespace lockstep {
namespace {

/// False: the mixer has no heads.
bool take_heads(const Mixer& mixer, ModelConfig& config) {
  if (const auto* heads = std::get_if<HeadAttention>(&mixer)) {
    config.num_attention_heads = heads->heads;
    config.num_key_value_heads = heads->kv_heads;
    config.head_dim = heads->head_dim;
    return true;
  }
  if (const auto* latent = std::get_if<LatentMixer>(&mixer)) {
    config.num_attention_heads = config.num_key_value_heads = latent->heads;
    config.head_dim = latent->nope_dim + latent->rope_dim;
    return true;
  }
  return false;
}

void take_feed_forward(const FeedForward& feed_forward, ModelConfig& config) {
  if (const auto* mlp = std::get_if<DenseMlp>(&feed_forward)) {
    config.intermediate_size = std::max(config.intermediate_size, mlp->width);
  } else if (const auto* experts = std::get_if<ExpertMlp>(&feed_forward)) {
    config.has_expert_key = true;
    config.num_experts = experts->experts;
    config.num_experts_per_tok = experts->top_k;
    config.moe_intermediate_size = experts->width;
  }
}

}  // namespace

ModelConfig plain_config(const ModelDescription& description) {
  ModelConfig config;
  config.name = description.name;
  config.model_type = description.model_type;
  config.torch_dtype = std::string(weight_type_name(description.base.type));
  config.hidden_size = description.hidden;
  config.num_hidden_layers = description.num_layers();
  config.num_attention_heads = config.num_key_value_heads = config.head_dim = 1;
  config.vocab_size = description.vocab;
  config.max_position_embeddings = description.max_context;
  config.tie_word_embeddings = description.tied_head;
  bool has_heads = false;
  for (const LayerGroup& group : description.layers) {
    has_heads = has_heads || take_heads(group.kind.mixer, config);
    take_feed_forward(group.kind.feed_forward, config);
  }
  return config;
}

}  // namespace lockstep
