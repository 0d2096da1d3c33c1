// One reader a family of models, each in its own file: config.json to layers. Formats are filled
// in afterwards, from the names of the modules.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "model/description/config_fields.hpp"
#include "model/description/model_description.hpp"

namespace lockstep {

/// Names of a layer's modules inside "model.layers.<i>.": what quantisation lists refer to.
struct ModuleNames {
  std::string_view layers = "model.layers";
  std::string_view attention = "self_attn";
  std::string_view attention_in = "q_proj";
  std::string_view attention_out = "o_proj";
  std::string_view mlp = "mlp.gate_proj";
  std::string_view experts = "mlp.experts.0.gate_proj";
  std::string_view shared = "mlp.shared_experts.gate_proj";
};

/// What a family's file returns: every layer in order, formats still empty.
struct FamilyReading {
  ModelDescription model;
  std::vector<LayerKind> layers;
  ModuleNames modules;
};

struct Family {
  std::string_view name;
  std::span<const std::string_view> model_types;
  FamilyReading (*read)(const ConfigFields& config, std::string_view model_type);
};

extern const Family kLlamaFamily;
extern const Family kLlama4Family;
extern const Family kQwenFamily;
extern const Family kQwenHybridFamily;
extern const Family kMistralFamily;
extern const Family kPhiFamily;
extern const Family kGemmaFamily;
extern const Family kGemma4Family;
extern const Family kDeepSeekFamily;
extern const Family kGlmFamily;
extern const Family kGptOssFamily;
extern const Family kMiniMaxFamily;
extern const Family kNemotronFamily;
extern const Family kStepFamily;

[[nodiscard]] std::span<const Family* const> all_families();

// What most families share.

/// Hidden size, vocabulary, context and tying; `tied_when_absent` is the family's default.
[[nodiscard]] FamilyReading common_fields(const ConfigFields& config, bool tied_when_absent);
/// num_attention_heads, num_key_value_heads, head_dim with the usual fall-backs: as many KV heads
/// as heads, hidden size over heads.
[[nodiscard]] HeadAttention head_fields(const ConfigFields& config);
/// "layer_types", one a layer, checked against `known`; empty when absent.
[[nodiscard]] std::vector<std::string> layer_type_fields(
    const ConfigFields& config, std::int64_t layers, std::initializer_list<std::string_view> known);
/// `count` equal layers.
void add_layers(FamilyReading& reading, const LayerKind& kind, std::int64_t count);

}  // namespace lockstep
