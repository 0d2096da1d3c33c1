#include "model/layer.hpp"

#include <array>

namespace lockstep {
namespace {
constexpr std::array<std::string_view, kLayerCount> kNames = {
    "embedding",  "layernorm",       "input_layernorm", "post_layernorm", "qkv_proj", "qk_norm",
    "rotary_emb", "attention",       "o_proj",          "gate_up_proj",   "act_fn",   "down_proj",
    "moe",        "final_layernorm", "lm_head",         "sampler"};
}  // namespace

std::string_view layer_name(Layer layer) {
  return kNames[static_cast<std::size_t>(layer)];
}

std::optional<Layer> layer_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kLayerCount; ++i) {
    if (kNames[i] == name) {
      return static_cast<Layer>(i);
    }
  }
  return std::nullopt;
}

}  // namespace lockstep
