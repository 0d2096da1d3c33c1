#include "model/architecture.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "base/error.hpp"

namespace lockstep {
namespace {

/// Families differ in two things only: a norm on queries and keys, and what follows attention.
Architecture family(std::string_view model_type, bool qk_norm, bool experts) {
  Architecture a;
  a.model_type = model_type;
  a.prologue = {Layer::embedding};
  a.pre_attn = {Layer::layernorm, Layer::qkv_proj};
  if (qk_norm) {
    a.pre_attn.push_back(Layer::qk_norm);
  }
  a.pre_attn.insert(a.pre_attn.end(), {Layer::rotary_emb, Layer::attention});
  a.post_attn = {Layer::o_proj, Layer::layernorm};
  if (experts) {
    a.mlp_moe = {Layer::moe};
  } else {
    a.mlp_dense = {Layer::gate_up_proj, Layer::act_fn, Layer::down_proj};
  }
  a.head = {Layer::final_layernorm, Layer::lm_head, Layer::sampler};
  return a;
}

const std::array<Architecture, 5>& families() {
  static const std::array<Architecture, 5> all = {
      family("llama", false, false), family("qwen3", true, false), family("qwen3_moe", true, true),
      family("mixtral", false, true), family("phimoe", false, true)};
  return all;
}

bool contains(const std::vector<Layer>& layers, Layer layer) {
  return std::find(layers.begin(), layers.end(), layer) != layers.end();
}

}  // namespace

std::optional<LayerCategory> Architecture::category(Layer layer) const {
  for (const auto* part : {&prologue, &pre_attn, &post_attn, &mlp_dense, &mlp_moe, &head}) {
    if (!contains(*part, layer)) {
      continue;
    }
    switch (layer) {
      case Layer::lm_head:
      case Layer::sampler:
        return LayerCategory::per_sequence;
      case Layer::attention:
        return LayerCategory::attention;
      case Layer::moe:
        return LayerCategory::moe;
      default:
        return LayerCategory::dense;
    }
  }
  return std::nullopt;
}

bool Architecture::tp_stable(Layer layer) {
  return layer == Layer::layernorm || layer == Layer::final_layernorm || layer == Layer::qk_norm ||
         layer == Layer::sampler;
}

const Architecture& architecture_for(std::string_view model_type) {
  std::string known;
  for (const Architecture& candidate : families()) {
    if (candidate.model_type == model_type) {
      return candidate;
    }
    known += known.empty() ? "" : ", ";
    known += candidate.model_type;
  }
  throw UserError(model_type.empty() ? std::string("the model config names no model_type")
                                     : "unknown model_type '" + std::string(model_type) + "'",
                  Where{{}, 0, "model_type"}, "use one of: " + known);
}

}  // namespace lockstep
