// MiniMax M2 and M2.5: full attention in all layers, experts without a shared one.
#include <algorithm>
#include <array>

#include "model/description/families.hpp"

namespace lockstep {
namespace {

FamilyReading read(const ConfigFields& config, std::string_view /*model_type*/) {
  FamilyReading reading = common_fields(config, false);
  reading.modules.experts = "block_sparse_moe.experts.0.w1";
  const auto kinds = config.integers("attn_type_list");  // 1: full attention
  if (std::any_of(kinds.begin(), kinds.end(), [](std::int64_t kind) { return kind != 1; })) {
    config.fail("attn_type_list", "lightning attention is not known to the simulator",
                "take M2 or later, which has none");
  }
  HeadAttention attention = head_fields(config);
  attention.qk_norm = config.flag_or("use_qk_norm", false);
  attention.norm_over_heads = config.optional_text("qk_norm_type").value_or("") == "per_layer";
  const LayerKind layer{
      .mixer = attention,
      .feed_forward = ExpertMlp{.experts = config.integer("num_local_experts"),
                                .top_k = config.integer("num_experts_per_tok"),
                                .width = config.integer("intermediate_size"),
                                .shared_width = config.integer_or("shared_intermediate_size", 0),
                                .float32_router = true}};
  add_layers(reading, layer, config.integer("num_hidden_layers"));
  if (config.flag_or("use_mtp", false)) {
    reading.model.prediction_layers = config.integer_or("num_mtp_modules", 0);
    reading.model.prediction_kind = layer;
  }
  return reading;
}

constexpr std::array<std::string_view, 1> kTypes = {"minimax_m2"};

}  // namespace

const Family kMiniMaxFamily{"MiniMax M2", kTypes, read};

}  // namespace lockstep
