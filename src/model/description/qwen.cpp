// Qwen 2, 2.5 and 3, dense and with experts.
#include <algorithm>
#include <array>

#include "model/description/families.hpp"

namespace lockstep {
namespace {

bool third_generation(std::string_view model_type) {
  return model_type == "qwen3" || model_type == "qwen3_moe";
}

HeadAttention attention_of(const ConfigFields& config, std::string_view model_type,
                           std::int64_t layer) {
  HeadAttention attention = head_fields(config);
  if (third_generation(model_type)) {
    attention.qk_norm = true;
    attention.qkv_bias = attention.output_bias = config.flag_or("attention_bias", false);
  } else {
    attention.qkv_bias = config.flag_or("qkv_bias", true);
  }
  // The first max_window_layers layers attend to everything.
  if (config.flag_or("use_sliding_window", false) &&
      layer >= config.integer("max_window_layers", 0)) {
    attention.window = config.integer("sliding_window");
  }
  return attention;
}

FeedForward feed_forward_of(const ConfigFields& config, std::string_view model_type,
                            std::int64_t layer) {
  const bool with_experts = model_type == "qwen2_moe" || model_type == "qwen3_moe";
  const auto dense = config.integers("mlp_only_layers");
  if (!with_experts || std::find(dense.begin(), dense.end(), layer) != dense.end() ||
      (layer + 1) % config.integer_or("decoder_sparse_step", 1, 1) != 0) {
    return DenseMlp{.width = config.integer("intermediate_size")};
  }
  const bool shared = model_type == "qwen2_moe";
  return ExpertMlp{.experts = config.first_of({"num_experts", "num_local_experts"}),
                   .top_k = config.integer("num_experts_per_tok"),
                   .width = config.integer("moe_intermediate_size"),
                   .shared_width = shared ? config.integer("shared_expert_intermediate_size") : 0,
                   .shared_gate = shared};
}

FamilyReading read(const ConfigFields& config, std::string_view model_type) {
  FamilyReading reading = common_fields(config, false);
  reading.modules.shared = "mlp.shared_expert.gate_proj";
  const std::int64_t layers = config.integer("num_hidden_layers");
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    reading.layers.push_back({.mixer = attention_of(config, model_type, layer),
                              .feed_forward = feed_forward_of(config, model_type, layer)});
  }
  return reading;
}

constexpr std::array<std::string_view, 4> kTypes = {"qwen2", "qwen2_moe", "qwen3", "qwen3_moe"};

}  // namespace

const Family kQwenFamily{"Qwen 2 and 3", kTypes, read};

}  // namespace lockstep
