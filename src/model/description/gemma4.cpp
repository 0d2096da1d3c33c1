// Gemma 4: global layers have their own head size and KV heads, and one projection for keys and
// values; with experts, a dense MLP runs beside them in every layer.
#include <array>

#include "model/description/families.hpp"

namespace lockstep {
namespace {

HeadAttention attention_of(const ConfigFields& config, bool global) {
  HeadAttention attention;
  attention.heads = config.integer("num_attention_heads");
  attention.qk_norm = true;
  if (global) {
    attention.kv_heads = config.has("num_global_key_value_heads")
                             ? config.integer("num_global_key_value_heads")
                             : config.integer("num_key_value_heads");
    attention.head_dim = config.integer("global_head_dim");
    attention.key_is_value = config.flag_or("attention_k_eq_v", false);
  } else {
    attention.kv_heads = config.integer("num_key_value_heads");
    attention.head_dim = config.integer("head_dim");
    attention.window = config.integer("sliding_window");
  }
  return attention;
}

FeedForward feed_forward(const ConfigFields& config) {
  const std::int64_t width = config.integer("intermediate_size");
  if (!config.flag_or("enable_moe_block", false)) {
    return DenseMlp{.width = width};
  }
  return ExpertMlp{.experts = config.integer("num_experts"),
                   .top_k = config.integer("top_k_experts"),
                   .width = config.integer("moe_intermediate_size"),
                   .shared_width = width};
}

void refuse_other_sizes(const ConfigFields& config) {
  for (const char* key : {"hidden_size_per_layer_input", "num_kv_shared_layers"}) {
    if (config.integer_or(key, 0) != 0) {
      config.fail(key, "embeddings a layer and shared caches are not known to the simulator",
                  "take a model of the family without them");
    }
  }
  if (config.flag_or("use_double_wide_mlp", false)) {
    config.fail("use_double_wide_mlp", "double-wide MLPs are not known to the simulator",
                "take a model of the family without them");
  }
}

FamilyReading read(const ConfigFields& config, std::string_view /*model_type*/) {
  refuse_other_sizes(config);
  FamilyReading reading = common_fields(config, true);
  const std::int64_t layers = config.integer("num_hidden_layers");
  const auto types = layer_type_fields(config, layers, {"sliding_attention", "full_attention"});
  if (types.empty()) {
    config.fail("layer_types", "the model config lacks 'layer_types'", "add the field");
  }
  const FeedForward mlp = feed_forward(config);
  for (const std::string& type : types) {
    reading.layers.push_back({.mixer = attention_of(config, type == "full_attention"),
                              .feed_forward = mlp,
                              .norms = std::holds_alternative<ExpertMlp>(mlp) ? 7 : 4});
  }
  return reading;
}

constexpr std::array<std::string_view, 2> kTypes = {"gemma4", "gemma4_text"};

}  // namespace

const Family kGemma4Family{"Gemma 4", kTypes, read};

}  // namespace lockstep
