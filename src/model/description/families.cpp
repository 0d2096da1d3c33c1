#include "model/description/families.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace lockstep {

std::span<const Family* const> all_families() {
  static constexpr std::array<const Family*, 14> kAll = {
      &kLlamaFamily,  &kLlama4Family,  &kQwenFamily,     &kQwenHybridFamily, &kMistralFamily,
      &kPhiFamily,    &kGemmaFamily,   &kGemma4Family,   &kDeepSeekFamily,   &kGlmFamily,
      &kGptOssFamily, &kMiniMaxFamily, &kNemotronFamily, &kStepFamily};
  return kAll;
}

FamilyReading common_fields(const ConfigFields& config, bool tied_when_absent) {
  FamilyReading reading;
  reading.model.hidden = config.integer("hidden_size");
  reading.model.vocab = config.integer("vocab_size");
  reading.model.max_context = config.integer("max_position_embeddings");
  reading.model.tied_head = config.flag_or("tie_word_embeddings", tied_when_absent);
  return reading;
}

HeadAttention head_fields(const ConfigFields& config) {
  HeadAttention attention;
  attention.heads = config.integer("num_attention_heads");
  attention.kv_heads =
      config.has("num_key_value_heads") ? config.integer("num_key_value_heads") : attention.heads;
  const std::int64_t hidden = config.integer("hidden_size");
  if (!config.has("head_dim") && hidden % attention.heads != 0) {
    config.fail("head_dim", "'head_dim' is absent and the heads do not divide hidden_size",
                "add head_dim");
  }
  attention.head_dim =
      config.has("head_dim") ? config.integer("head_dim") : hidden / attention.heads;
  return attention;
}

std::vector<std::string> layer_type_fields(const ConfigFields& config, std::int64_t layers,
                                           std::initializer_list<std::string_view> known) {
  std::vector<std::string> types = config.texts("layer_types");
  if (types.empty()) {
    return types;
  }
  if (static_cast<std::int64_t>(types.size()) < layers) {
    config.fail("layer_types", fmt::format("{} types for {} layers", types.size(), layers),
                "name one a layer");
  }
  types.resize(static_cast<std::size_t>(layers));  // some configs name the prediction layers too
  for (const std::string& type : types) {
    if (std::find(known.begin(), known.end(), type) == known.end()) {
      config.fail("layer_types", fmt::format("a layer of type '{}' is not known", type),
                  fmt::format("known here: {}", fmt::join(known, ", ")));
    }
  }
  return types;
}

void add_layers(FamilyReading& reading, const LayerKind& kind, std::int64_t count) {
  reading.layers.insert(reading.layers.end(), static_cast<std::size_t>(count), kind);
}

}  // namespace lockstep
