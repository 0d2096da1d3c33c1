// In which order a model family runs its layers, and which table each layer is timed by.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "model/layer.hpp"

namespace lockstep {

struct Architecture {
  std::string_view model_type;
  std::vector<Layer> prologue;
  std::vector<Layer> pre_attn;
  std::vector<Layer> post_attn;
  std::vector<Layer> mlp_dense;
  std::vector<Layer> mlp_moe;
  std::vector<Layer> head;

  /// Nothing when the family has no such layer.
  [[nodiscard]] std::optional<LayerCategory> category(Layer layer) const;
  /// Same time at any tensor-parallel degree: looked up at tp1.
  [[nodiscard]] static bool tp_stable(Layer layer);
};

/// The built-in family of a `model_type`. Throws UserError listing the known ones.
[[nodiscard]] const Architecture& architecture_for(std::string_view model_type);

}  // namespace lockstep
