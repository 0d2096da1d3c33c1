// What adapters of low rank add to the times of dense layers.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "perf/gpu_facts.hpp"
#include "serving/batch.hpp"
#include "serving/lora_shape.hpp"

namespace lockstep {

/// What of a step concerns adapters.
struct AdaptedTokens {
  std::int64_t tokens = 0;    ///< of requests with an adapter
  std::int64_t adapters = 0;  ///< different ones
};
[[nodiscard]] AdaptedTokens adapted_tokens(std::span<const BatchEntry> entries);

/// Of one instance. Times are of two kernels beside each layer that has adapters, x A ("shrink")
/// and (x A) B ("expand"), as in Punica (Chen et al., MLSys 2024), each with a launch of the
/// analytic model's dense layers and the longer of memory and compute at the datasheet's peaks.
/// With n tokens, a different adapters, rank r, s slices, `inner` and `columns` of LoraProduct:
///   shrink: 2 n inner r s FLOP,  2 n inner + 2 a s inner r + 4 n s r bytes
///   expand: 2 n r columns FLOP,  4 n s r + 2 a r columns + 4 n columns bytes
/// (adapters and activations of 16 bits, the product between in 32, the output read and written).
class LoraTimes {
public:
  LoraTimes(const GpuFacts& gpu, const Instance& instance);

  /// 0 without adapted tokens, beside other layers, and at rank 0.
  [[nodiscard]] Nanos time(Layer layer, const AdaptedTokens& step) const;
  /// To copy one adapter from the host to a rank; 0 without a bandwidth.
  [[nodiscard]] Nanos load_time() const { return load_time_; }

private:
  std::array<std::optional<LoraProduct>, kLayerCount> products_;
  double rank_ = 0;
  double launch_micros_ = 0;
  double bytes_per_micro_ = 1;
  double flops_per_micro_ = 1;
  Nanos load_time_;
};

/// The adapters on the NPU, the least recently used one first.
class LoraSlots {
public:
  explicit LoraSlots(std::int64_t slots) : slots_(slots) {}
  /// Takes in those of a step, each once; gives how many were not there.
  std::int64_t take(std::span<const BatchEntry> entries);

private:
  std::int64_t slots_;
  std::vector<std::int32_t> held_;
};

/// None without adapters, or at rank 0. Throws UserError for a GPU without a datasheet.
[[nodiscard]] std::optional<LoraTimes> lora_times_of(const Instance& instance, GpuCatalog& gpus);

}  // namespace lockstep
