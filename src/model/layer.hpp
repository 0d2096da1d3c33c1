// The layers that one iteration is made of, by the names that bundles and traces use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace lockstep {

enum class Layer : std::uint8_t {
  embedding,
  layernorm,
  input_layernorm,
  post_layernorm,
  qkv_proj,
  qk_norm,
  rotary_emb,
  attention,
  o_proj,
  gate_up_proj,
  act_fn,
  down_proj,
  moe,
  final_layernorm,
  lm_head,
  sampler,
};
inline constexpr std::size_t kLayerCount = 16;

[[nodiscard]] std::string_view layer_name(Layer layer);
[[nodiscard]] std::optional<Layer> layer_from_name(std::string_view name);

/// Which kernel-time table a layer is looked up in.
enum class LayerCategory : std::uint8_t { dense, per_sequence, attention, moe };

}  // namespace lockstep
