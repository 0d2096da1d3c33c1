#include "serving/lora_shape.hpp"

#include <algorithm>
#include <array>

namespace lockstep {

std::optional<LoraProduct> lora_product(const Instance& instance, Layer layer) {
  const ModelConfig& m = *instance.model;
  const std::int64_t tp = std::max<std::int64_t>(instance.tp, 1);
  const std::int64_t kv_heads = std::max(m.num_key_value_heads, tp);
  switch (layer) {
    case Layer::qkv_proj:
      return LoraProduct{m.hidden_size, (m.q_dim() + 2 * kv_heads * m.head_dim) / tp, 3};
    case Layer::o_proj:
      return LoraProduct{m.q_dim() / tp, m.hidden_size, 1};
    case Layer::gate_up_proj:
      return LoraProduct{m.hidden_size, 2 * (m.intermediate_size / tp), 2};
    case Layer::down_proj:
      return LoraProduct{m.intermediate_size / tp, m.hidden_size, 1};
    default:
      return std::nullopt;
  }
}

Bytes adapter_bytes(const Instance& instance) {
  constexpr std::array kAttention = {Layer::qkv_proj, Layer::o_proj};
  constexpr std::array kMlp = {Layer::gate_up_proj, Layer::down_proj};
  std::int64_t elements = 0;
  const auto add = [&](Layer layer) {
    const LoraProduct product = *lora_product(instance, layer);
    elements += product.slices * product.inner + product.columns;
  };
  std::ranges::for_each(kAttention, add);
  if (!instance.model->has_experts()) {
    std::ranges::for_each(kMlp, add);
  }
  const std::int64_t layers = instance.model->num_hidden_layers / instance.pp;
  return Bytes{elements * layers * instance.features.lora.max_rank * kLoraBytes};
}

Bytes lora_bytes(const Instance& instance) {
  return adapter_bytes(instance) * instance.features.lora.max_loras;
}

}  // namespace lockstep
