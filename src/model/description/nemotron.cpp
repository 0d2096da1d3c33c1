// Nemotron-H and Nemotron 3: layers that each are one thing, Mamba-2, attention, MLP or experts,
// by a pattern of letters; and the older dense Nemotron. MLPs have two matrices (squared ReLU).
#include <fmt/format.h>

#include <array>

#include "model/description/families.hpp"

namespace lockstep {
namespace {

MambaMixer mamba(const ConfigFields& config) {
  return {.heads = config.integer("mamba_num_heads"),
          .head_dim = config.integer("mamba_head_dim"),
          .groups = config.integer("n_groups"),
          .state_dim = config.integer("ssm_state_size"),
          .conv_width = config.integer("conv_kernel"),
          .float32_state =
              config.optional_text("mamba_ssm_cache_dtype").value_or("float32") == "float32"};
}

ExpertMlp experts(const ConfigFields& config) {
  return {.experts = config.integer("n_routed_experts"),
          .top_k = config.integer("num_experts_per_tok"),
          .width = config.integer("moe_intermediate_size"),
          .shared_width = config.integer_or("n_shared_experts", 0) > 0
                              ? config.integer("moe_shared_expert_intermediate_size")
                              : 0,
          .gated = false};
}

LayerKind layer_of(const ConfigFields& config, char letter) {
  LayerKind layer{.norms = 1};
  switch (letter) {
    case 'M':
      layer.mixer = mamba(config);
      break;
    case '*':
      layer.mixer = head_fields(config);
      break;
    case '-':
      layer.feed_forward = DenseMlp{.width = config.integer("intermediate_size"), .gated = false};
      break;
    case 'E':
      layer.feed_forward = experts(config);
      break;
    default:
      config.fail("hybrid_override_pattern", fmt::format("a layer '{}' is not known", letter),
                  "known: M, *, -, E");
  }
  return layer;
}

FamilyReading read(const ConfigFields& config, std::string_view model_type) {
  FamilyReading reading = common_fields(config, false);
  const std::int64_t layers = config.integer("num_hidden_layers");
  if (model_type == "nemotron") {
    add_layers(
        reading,
        {.mixer = head_fields(config),
         .feed_forward = DenseMlp{.width = config.integer("intermediate_size"), .gated = false}},
        layers);
    return reading;
  }
  reading.modules = {.layers = "backbone.layers",
                     .attention = "mixer",
                     .mlp = "mixer.up_proj",
                     .experts = "mixer.experts.0.up_proj",
                     .shared = "mixer.shared_experts.up_proj"};
  const std::string pattern = config.text("hybrid_override_pattern");
  if (static_cast<std::int64_t>(pattern.size()) != layers) {
    config.fail("hybrid_override_pattern",
                fmt::format("{} letters for {} layers", pattern.size(), layers),
                "give one letter a layer");
  }
  for (const char letter : pattern) {
    reading.layers.push_back(layer_of(config, letter));
  }
  return reading;
}

constexpr std::array<std::string_view, 2> kTypes = {"nemotron", "nemotron_h"};

}  // namespace

const Family kNemotronFamily{"Nemotron", kTypes, read};

}  // namespace lockstep
