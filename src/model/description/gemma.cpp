// Gemma 1-3: tied embeddings; Gemma 2 and 3 mix sliding windows with full attention.
#include <array>

#include "model/description/families.hpp"

namespace lockstep {
namespace {

/// Layers of one window pattern: every `pattern`-th layer attends to all.
std::int64_t pattern_of(const ConfigFields& config, std::string_view model_type) {
  if (model_type == "gemma2") {
    return 2;
  }
  return config.integer_or("sliding_window_pattern", 6, 1);
}

/// Published Gemma 3 configs leave out what equals the defaults of their configuration class in
/// transformers (Gemma3TextConfig); those are filled in here.
HeadAttention third_heads(const ConfigFields& config) {
  return {.heads = config.integer_or("num_attention_heads", 8, 1),
          .kv_heads = config.integer_or("num_key_value_heads", 4, 1),
          .head_dim = config.integer_or("head_dim", 256, 1),
          .qk_norm = true};
}

FamilyReading third_fields(const ConfigFields& config) {
  FamilyReading reading;
  reading.model.hidden = config.integer("hidden_size");
  reading.model.vocab = config.integer_or("vocab_size", 262208, 1);
  reading.model.max_context = config.integer_or("max_position_embeddings", 131072, 1);
  reading.model.tied_head = config.flag_or("tie_word_embeddings", true);
  return reading;
}

FamilyReading read(const ConfigFields& config, std::string_view model_type) {
  const bool third = model_type == "gemma3" || model_type == "gemma3_text";
  const bool slides = model_type != "gemma";
  FamilyReading reading = third ? third_fields(config) : common_fields(config, true);
  const std::int64_t layers = config.integer("num_hidden_layers");
  const auto types = layer_type_fields(config, layers, {"sliding_attention", "full_attention"});
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    HeadAttention attention = third ? third_heads(config) : head_fields(config);
    const bool full = types.empty() ? (layer + 1) % pattern_of(config, model_type) == 0
                                    : types[static_cast<std::size_t>(layer)] == "full_attention";
    attention.window = slides && !full ? config.integer("sliding_window") : 0;
    reading.layers.push_back(
        {.mixer = attention,
         .feed_forward = DenseMlp{.width = config.integer("intermediate_size")},
         .norms = slides ? 4 : 2});
  }
  return reading;
}

constexpr std::array<std::string_view, 4> kTypes = {"gemma", "gemma2", "gemma3", "gemma3_text"};

}  // namespace

const Family kGemmaFamily{"Gemma 1 to 3", kTypes, read};

}  // namespace lockstep
