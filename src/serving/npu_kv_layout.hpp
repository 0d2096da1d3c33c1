// How much of an NPU's memory the KV cache gets, and into how many blocks it is cut.
#pragma once

#include <cstdint>

#include "base/units.hpp"
#include "config/cluster.hpp"

namespace lockstep {

/// Sizes are per rank: every rank of an instance holds the same.
struct NpuKvLayout {
  std::int64_t blocks = 0;
  std::int64_t block_size = 16;  ///< tokens
  Bytes bytes_per_block;
  Bytes weight_bytes;
  Bytes capacity;          ///< of the NPU's memory, all of it
  double utilization = 0;  ///< share of it that weights and KV may fill
  Bytes reserved{};        ///< kept for activations, context and adapters beside the weights

  [[nodiscard]] std::int64_t tokens() const { return blocks * block_size; }
};

/// blocks = (trunc(npu_bytes * util) - weights) // bytes_per_block. No activation peak is set
/// aside. Throws UserError when the weights, or one block beside them, do not fit.
[[nodiscard]] NpuKvLayout plan_npu_kv(const Instance& instance,
                                      const FidelityPolicy& policy = FidelityPolicy::reference());

}  // namespace lockstep
