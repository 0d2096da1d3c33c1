// Mistral, Ministral and Mixtral.
#include <array>

#include "model/description/families.hpp"

namespace lockstep {
namespace {

FeedForward feed_forward(const ConfigFields& config, std::string_view model_type) {
  const std::int64_t width = config.integer("intermediate_size");
  if (model_type != "mixtral") {
    return DenseMlp{.width = width};
  }
  return ExpertMlp{.experts = config.integer("num_local_experts"),
                   .top_k = config.integer("num_experts_per_tok"),
                   .width = width};
}

FamilyReading read(const ConfigFields& config, std::string_view model_type) {
  FamilyReading reading = common_fields(config, false);
  reading.modules.experts = "block_sparse_moe.experts.0.w1";
  const std::int64_t layers = config.integer("num_hidden_layers");
  const auto types = layer_type_fields(config, layers, {"sliding_attention", "full_attention"});
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    HeadAttention attention = head_fields(config);
    const bool slides =
        types.empty() || types[static_cast<std::size_t>(layer)] == "sliding_attention";
    attention.window = slides ? config.integer_or("sliding_window", 0) : 0;
    reading.layers.push_back(
        {.mixer = attention, .feed_forward = feed_forward(config, model_type)});
  }
  return reading;
}

constexpr std::array<std::string_view, 5> kTypes = {"mistral", "ministral", "ministral3",
                                                    "mistral3", "mixtral"};

}  // namespace

const Family kMistralFamily{"Mistral and Mixtral", kTypes, read};

}  // namespace lockstep
