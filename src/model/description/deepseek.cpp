// DeepSeek V2, V3, R1, V3.2 and their kin Kimi K2 and GLM-5: latent attention, first layers dense,
// then routed and shared experts; V3.2 and GLM-5 attend to the best tokens of an index only.
#include <array>

#include "model/description/families.hpp"

namespace lockstep {
namespace {

LatentMixer attention_of(const ConfigFields& config) {
  LatentMixer attention{.heads = config.integer("num_attention_heads"),
                        .query_rank = config.integer_or("q_lora_rank", 0),
                        .kv_rank = config.integer("kv_lora_rank"),
                        .nope_dim = config.integer("qk_nope_head_dim"),
                        .rope_dim = config.integer("qk_rope_head_dim"),
                        .value_dim = config.integer("v_head_dim")};
  if (config.has("index_topk")) {
    attention.index_heads = config.integer("index_n_heads");
    attention.index_dim = config.integer("index_head_dim");
    attention.index_top_k = config.integer("index_topk");
  }
  return attention;
}

ExpertMlp experts_of(const ConfigFields& config) {
  const std::int64_t width = config.integer("moe_intermediate_size");
  return {.experts = config.integer("n_routed_experts"),
          .top_k = config.integer("num_experts_per_tok"),
          .width = width,
          .shared_width = width * config.integer_or("n_shared_experts", 0)};
}

FamilyReading read(const ConfigFields& config, std::string_view /*model_type*/) {
  FamilyReading reading = common_fields(config, false);
  reading.modules.attention_in = config.has("q_lora_rank") ? "q_b_proj" : "q_proj";
  const std::int64_t layers = config.integer("num_hidden_layers");
  const std::int64_t first_dense = config.integer("first_k_dense_replace", 0);
  const std::int64_t every = config.integer_or("moe_layer_freq", 1, 1);
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    LayerKind kind{.mixer = attention_of(config)};
    if (layer >= first_dense && layer % every == 0) {
      kind.feed_forward = experts_of(config);
    } else {
      kind.feed_forward = DenseMlp{.width = config.integer("intermediate_size")};
    }
    reading.layers.push_back(kind);
  }
  reading.model.prediction_layers = config.integer_or("num_nextn_predict_layers", 0);
  reading.model.prediction_kind = {.mixer = attention_of(config),
                                   .feed_forward = experts_of(config)};
  return reading;
}

constexpr std::array<std::string_view, 6> kTypes = {"deepseek_v2", "deepseek_v3", "deepseek_v32",
                                                    "kimi_k2",     "kimi_k25",    "glm_moe_dsa"};

}  // namespace

const Family kDeepSeekFamily{"DeepSeek, Kimi and GLM-5", kTypes, read};

}  // namespace lockstep
