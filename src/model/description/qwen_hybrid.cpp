// Qwen3-Next and Qwen3.5: gated delta nets, and full attention with an output gate in every fourth
// layer; dense or with experts and a gated shared one.
#include <array>

#include "model/description/families.hpp"

namespace lockstep {
namespace {

DeltaNetMixer delta_net(const ConfigFields& config) {
  return {
      .key_heads = config.integer("linear_num_key_heads"),
      .value_heads = config.integer("linear_num_value_heads"),
      .key_head_dim = config.integer("linear_key_head_dim"),
      .value_head_dim = config.integer("linear_value_head_dim"),
      .conv_width = config.integer("linear_conv_kernel_dim"),
      .float32_state = config.optional_text("mamba_ssm_dtype").value_or("float32") == "float32"};
}

HeadAttention full_attention(const ConfigFields& config) {
  HeadAttention attention = head_fields(config);
  attention.qk_norm = true;
  attention.output_gate = config.flag_or("attn_output_gate", true);
  attention.qkv_bias = attention.output_bias = config.flag_or("attention_bias", false);
  return attention;
}

FeedForward feed_forward(const ConfigFields& config) {
  if (!config.has("num_experts")) {
    return DenseMlp{.width = config.integer("intermediate_size")};
  }
  return ExpertMlp{.experts = config.integer("num_experts"),
                   .top_k = config.integer("num_experts_per_tok"),
                   .width = config.integer("moe_intermediate_size"),
                   .shared_width = config.integer("shared_expert_intermediate_size"),
                   .shared_gate = true};
}

FamilyReading read(const ConfigFields& config, std::string_view /*model_type*/) {
  FamilyReading reading = common_fields(config, false);
  reading.modules.shared = "mlp.shared_expert.gate_proj";
  const std::int64_t layers = config.integer("num_hidden_layers");
  const auto types = layer_type_fields(config, layers, {"linear_attention", "full_attention"});
  const FeedForward mlp = feed_forward(config);
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    const bool full = types.empty() ? (layer + 1) % config.integer("full_attention_interval") == 0
                                    : types[static_cast<std::size_t>(layer)] == "full_attention";
    LayerKind kind{.feed_forward = mlp};
    if (full) {
      kind.mixer = full_attention(config);
    } else {
      kind.mixer = delta_net(config);
    }
    reading.layers.push_back(kind);
  }
  reading.model.prediction_layers = config.integer_or("mtp_num_hidden_layers", 0);
  reading.model.prediction_kind = {.mixer = full_attention(config), .feed_forward = mlp};
  return reading;
}

constexpr std::array<std::string_view, 5> kTypes = {"qwen3_next", "qwen3_5", "qwen3_5_text",
                                                    "qwen3_5_moe", "qwen3_5_moe_text"};

}  // namespace

const Family kQwenHybridFamily{"Qwen3-Next and 3.5", kTypes, read};

}  // namespace lockstep
