// GLM-4 and GLM-4.5 to 4.7.
#include <array>

#include "model/description/families.hpp"

namespace lockstep {
namespace {

HeadAttention attention_of(const ConfigFields& config) {
  HeadAttention attention = head_fields(config);
  attention.qkv_bias = config.flag_or("attention_bias", false);
  attention.qk_norm = config.flag_or("use_qk_norm", false);
  return attention;
}

ExpertMlp experts_of(const ConfigFields& config) {
  const std::int64_t width = config.integer("moe_intermediate_size");
  return {.experts = config.integer("n_routed_experts"),
          .top_k = config.integer("num_experts_per_tok"),
          .width = width,
          .shared_width = width * config.integer("n_shared_experts", 0)};
}

FamilyReading read(const ConfigFields& config, std::string_view model_type) {
  FamilyReading reading = common_fields(config, false);
  const bool with_experts = model_type == "glm4_moe";
  const std::int64_t layers = config.integer("num_hidden_layers");
  const std::int64_t dense = with_experts ? config.integer("first_k_dense_replace", 0) : layers;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    LayerKind kind{.mixer = attention_of(config), .norms = with_experts ? 2 : 4};
    if (layer < dense) {
      kind.feed_forward = DenseMlp{.width = config.integer("intermediate_size")};
    } else {
      kind.feed_forward = experts_of(config);
    }
    reading.layers.push_back(kind);
  }
  if (with_experts) {
    reading.model.prediction_layers = config.integer_or("num_nextn_predict_layers", 0);
    reading.model.prediction_kind = {.mixer = attention_of(config),
                                     .feed_forward = experts_of(config)};
  }
  return reading;
}

constexpr std::array<std::string_view, 2> kTypes = {"glm4", "glm4_moe"};

}  // namespace

const Family kGlmFamily{"GLM-4", kTypes, read};

}  // namespace lockstep
