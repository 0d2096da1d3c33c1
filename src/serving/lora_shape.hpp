// Adapters of low rank (LoRA): beside a dense layer x W they add x A B, with A of `rank` columns.
#pragma once

#include <cstdint>
#include <optional>

#include "base/units.hpp"
#include "config/cluster.hpp"
#include "model/layer.hpp"

namespace lockstep {

/// Bytes of an element of an adapter: 16 bits, whatever the weights are.
inline constexpr std::int64_t kLoraBytes = 2;

/// The product beside one layer, as one rank computes it. A column-parallel layer has all of A and
/// its part of B, a row-parallel one its part of A and all of B.
struct LoraProduct {
  std::int64_t inner = 0;    ///< rows of A
  std::int64_t columns = 0;  ///< of B
  std::int64_t slices = 1;   ///< matrices A: query, key and value, gate and up have one each
};

/// None: the engine has no adapters beside this layer. It has them beside the projections of
/// attention and, without experts, of the MLP.
[[nodiscard]] std::optional<LoraProduct> lora_product(const Instance& instance, Layer layer);

/// Of one rank, for `max_loras` adapters of `max_rank`: the sum over layers of
/// rank * (slices * inner + columns) elements.
[[nodiscard]] Bytes lora_bytes(const Instance& instance);
/// Of one adapter.
[[nodiscard]] Bytes adapter_bytes(const Instance& instance);

}  // namespace lockstep
