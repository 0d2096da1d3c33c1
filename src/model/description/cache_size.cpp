#include "model/description/cache_size.hpp"

namespace lockstep {
namespace {

std::int64_t up(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

std::int64_t base_bytes(const ModelDescription& model) {
  return model.base.bytes(1).count();
}

/// The index of sparse attention: an 8-bit key with a float32 scale a token.
std::int64_t index_bytes(const LatentMixer& mixer) {
  return mixer.index_top_k > 0 ? mixer.index_dim + 4 : 0;
}

}  // namespace

Bytes cache_bytes_per_token(const ModelDescription& model, const LayerKind& kind, std::int64_t tp) {
  const std::int64_t element = model.fp8_cache ? 1 : base_bytes(model);
  if (const auto* heads = std::get_if<HeadAttention>(&kind.mixer)) {
    return Bytes{2 * up(heads->kv_heads, tp) * heads->head_dim * element};
  }
  if (const auto* latent = std::get_if<LatentMixer>(&kind.mixer)) {
    return Bytes{latent->cache_dim() * element + index_bytes(*latent)};
  }
  return Bytes{0};
}

Bytes state_bytes(const ModelDescription& model, const LayerKind& kind, std::int64_t tp) {
  const std::int64_t base = base_bytes(model);
  if (const auto* net = std::get_if<DeltaNetMixer>(&kind.mixer)) {
    const std::int64_t keys = up(net->key_heads, tp) * net->key_head_dim;
    const std::int64_t values = up(net->value_heads, tp) * net->value_head_dim;
    return Bytes{(2 * keys + values) * (net->conv_width - 1) * base +
                 values * net->key_head_dim * (net->float32_state ? 4 : base)};
  }
  if (const auto* mamba = std::get_if<MambaMixer>(&kind.mixer)) {
    const std::int64_t inner = up(mamba->heads, tp) * mamba->head_dim;
    const std::int64_t wide = inner + 2 * up(mamba->groups, tp) * mamba->state_dim;
    return Bytes{wide * (mamba->conv_width - 1) * base +
                 inner * mamba->state_dim * (mamba->float32_state ? 4 : base)};
  }
  return Bytes{0};
}

Bytes cache_bytes_per_token(const ModelDescription& model, std::int64_t tp) {
  Bytes sum{0};
  for (const LayerGroup& group : model.layers) {
    sum += Bytes{cache_bytes_per_token(model, group.kind, tp).count() * group.count};
  }
  return sum;
}

Bytes state_bytes(const ModelDescription& model, std::int64_t tp) {
  Bytes sum{0};
  for (const LayerGroup& group : model.layers) {
    sum += Bytes{state_bytes(model, group.kind, tp).count() * group.count};
  }
  return sum;
}

}  // namespace lockstep
