// Llama 1-3 and what copies it.
#include <array>

#include "model/description/families.hpp"

namespace lockstep {
namespace {

FamilyReading read(const ConfigFields& config, std::string_view /*model_type*/) {
  FamilyReading reading = common_fields(config, false);
  LayerKind layer;
  HeadAttention attention = head_fields(config);
  attention.qkv_bias = attention.output_bias = config.flag_or("attention_bias", false);
  layer.mixer = attention;
  layer.feed_forward = DenseMlp{.width = config.integer("intermediate_size"),
                                .bias = config.flag_or("mlp_bias", false)};
  add_layers(reading, layer, config.integer("num_hidden_layers"));
  return reading;
}

constexpr std::array<std::string_view, 1> kTypes = {"llama"};

}  // namespace

const Family kLlamaFamily{"Llama", kTypes, read};

}  // namespace lockstep
