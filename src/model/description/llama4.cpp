// Llama 4: three of four layers attend within chunks and rotate; experts in every n-th layer.
#include <array>

#include "model/description/families.hpp"

namespace lockstep {
namespace {

/// Full attention, without rotary embedding, in every fourth layer unless the config lists them.
bool attends_to_all(const ConfigFields& config, const std::vector<std::int64_t>& rotates,
                    std::int64_t layer) {
  if (!rotates.empty()) {
    return rotates[static_cast<std::size_t>(layer)] == 0;
  }
  return (layer + 1) % config.integer_or("no_rope_layer_interval", 4, 1) == 0;
}

FeedForward feed_forward(const ConfigFields& config, std::int64_t layer) {
  if ((layer + 1) % config.integer("interleave_moe_layer_step") != 0) {
    return DenseMlp{.width = config.integer("intermediate_size_mlp")};
  }
  const std::int64_t width = config.integer("intermediate_size");
  return ExpertMlp{.experts = config.integer("num_local_experts"),
                   .top_k = config.integer("num_experts_per_tok"),
                   .width = width,
                   .shared_width = width};
}

FamilyReading read(const ConfigFields& config, std::string_view /*model_type*/) {
  FamilyReading reading = common_fields(config, false);
  reading.modules.mlp = "feed_forward.gate_proj";
  reading.modules.experts = "feed_forward.experts.0.gate_proj";
  reading.modules.shared = "feed_forward.shared_expert.gate_proj";
  const std::int64_t layers = config.integer("num_hidden_layers");
  const auto rotates = config.integers("no_rope_layers");
  if (!rotates.empty() && static_cast<std::int64_t>(rotates.size()) < layers) {
    config.fail("no_rope_layers", "fewer entries than layers", "name one a layer");
  }
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    HeadAttention attention = head_fields(config);
    attention.qkv_bias = attention.output_bias = config.flag_or("attention_bias", false);
    const bool all = attends_to_all(config, rotates, layer);
    attention.window = all ? 0 : config.integer("attention_chunk_size");
    attention.chunked = !all;
    reading.layers.push_back({.mixer = attention, .feed_forward = feed_forward(config, layer)});
  }
  return reading;
}

constexpr std::array<std::string_view, 2> kTypes = {"llama4", "llama4_text"};

}  // namespace

const Family kLlama4Family{"Llama 4", kTypes, read};

}  // namespace lockstep
