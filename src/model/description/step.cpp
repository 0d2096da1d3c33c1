// Step-3.5 and 3.7 Flash: windows in three of four layers, first layers dense, then routed experts
// and one shared.
#include <array>

#include "model/description/families.hpp"

namespace lockstep {
namespace {

ExpertMlp experts_of(const ConfigFields& config) {
  return {.experts = config.first_of({"num_experts", "moe_num_experts"}),
          .top_k = config.first_of({"num_experts_per_tok", "moe_top_k"}),
          .width = config.integer("moe_intermediate_size"),
          .shared_width = config.integer("share_expert_dim", 0)};
}

HeadAttention attention_of(const ConfigFields& config, bool slides) {
  HeadAttention attention{
      .heads = config.integer("num_attention_heads"),
      .kv_heads = config.first_of({"num_key_value_heads", "num_attention_groups"}),
      .head_dim = config.integer("head_dim"),
      .qk_norm = true};
  if (slides) {
    attention.window = config.integer("sliding_window");
    if (config.has("attention_other_setting")) {  // the sliding layers have their own heads
      const ConfigFields other = config.object("attention_other_setting");
      attention.heads = other.integer("num_attention_heads");
      attention.kv_heads = other.first_of({"num_key_value_heads", "num_attention_groups"});
      attention.head_dim = other.integer("head_dim");
    }
  }
  return attention;
}

FamilyReading read(const ConfigFields& config, std::string_view /*model_type*/) {
  FamilyReading reading = common_fields(config, false);
  const std::int64_t layers = config.integer("num_hidden_layers");
  const auto types = layer_type_fields(config, layers, {"sliding_attention", "full_attention"});
  if (types.empty()) {
    config.fail("layer_types", "the model config lacks 'layer_types'", "add the field");
  }
  const std::int64_t dense = config.integer("first_k_dense_replace", 0);
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    LayerKind kind;
    kind.mixer =
        attention_of(config, types[static_cast<std::size_t>(layer)] == "sliding_attention");
    if (layer < dense) {
      kind.feed_forward = DenseMlp{.width = config.integer("intermediate_size")};
    } else {
      kind.feed_forward = experts_of(config);
    }
    reading.layers.push_back(kind);
  }
  reading.model.prediction_layers = config.integer_or("num_nextn_predict_layers", 0);
  reading.model.prediction_kind = {
      .mixer = attention_of(config, true),
      .feed_forward = DenseMlp{.width = config.integer("intermediate_size")}};
  return reading;
}

constexpr std::array<std::string_view, 4> kTypes = {"step3p5", "step3p7", "step3p5_text",
                                                    "step3p7_text"};

}  // namespace

const Family kStepFamily{"Step 3.5 and 3.7", kTypes, read};

}  // namespace lockstep
