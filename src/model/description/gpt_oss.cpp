// gpt-oss: windows and full attention in turn, biases everywhere, sinks; experts in mxfp4.
#include <array>

#include "model/description/families.hpp"

namespace lockstep {
namespace {

FamilyReading read(const ConfigFields& config, std::string_view /*model_type*/) {
  FamilyReading reading = common_fields(config, false);
  reading.modules.experts = "mlp.experts";
  const std::int64_t layers = config.integer("num_hidden_layers");
  const auto types = layer_type_fields(config, layers, {"sliding_attention", "full_attention"});
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    HeadAttention attention = head_fields(config);
    attention.qkv_bias = attention.output_bias = config.flag_or("attention_bias", true);
    attention.sinks = true;
    const bool slides = types.empty()
                            ? layer % 2 == 0
                            : types[static_cast<std::size_t>(layer)] == "sliding_attention";
    attention.window = slides ? config.integer("sliding_window") : 0;
    reading.layers.push_back(
        {.mixer = attention,
         .feed_forward =
             ExpertMlp{.experts = config.first_of({"num_local_experts", "num_experts"}),
                       .top_k = config.first_of({"num_experts_per_tok", "experts_per_token"}),
                       .width = config.integer("intermediate_size"),
                       .bias = true}});
  }
  return reading;
}

constexpr std::array<std::string_view, 1> kTypes = {"gpt_oss"};

}  // namespace

const Family kGptOssFamily{"gpt-oss", kTypes, read};

}  // namespace lockstep
