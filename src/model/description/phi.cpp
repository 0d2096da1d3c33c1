// Phi 2, 3, 3.5, 4 and Phi MoE.
#include <array>

#include "model/description/families.hpp"

namespace lockstep {
namespace {

LayerKind layer_of(const ConfigFields& config, std::string_view model_type) {
  LayerKind layer;
  HeadAttention attention = head_fields(config);
  const std::int64_t width = config.integer("intermediate_size");
  if (model_type == "phi") {  // attention and MLP side by side behind one norm
    attention.qkv_bias = attention.output_bias = true;
    layer.norms = 1;
    layer.feed_forward = DenseMlp{.width = width, .gated = false, .bias = true};
  } else if (model_type == "phi3") {
    attention.window = config.integer_or("sliding_window", 0);
    layer.feed_forward = DenseMlp{.width = width};
  } else {
    attention.window = config.integer_or("sliding_window", 0);
    attention.qkv_bias = attention.output_bias = config.flag_or("attention_bias", false);
    layer.feed_forward = ExpertMlp{.experts = config.integer("num_local_experts"),
                                   .top_k = config.integer("num_experts_per_tok"),
                                   .width = width};
  }
  layer.mixer = attention;
  return layer;
}

FamilyReading read(const ConfigFields& config, std::string_view model_type) {
  FamilyReading reading = common_fields(config, false);
  reading.modules.attention_in = model_type == "phi3" ? "qkv_proj" : "q_proj";
  reading.modules.mlp = model_type == "phi3" ? "mlp.gate_up_proj" : "mlp.fc1";
  reading.modules.experts = "block_sparse_moe.experts.0.w1";
  add_layers(reading, layer_of(config, model_type), config.integer("num_hidden_layers"));
  return reading;
}

constexpr std::array<std::string_view, 3> kTypes = {"phi", "phi3", "phimoe"};

}  // namespace

const Family kPhiFamily{"Phi", kTypes, read};

}  // namespace lockstep
