// Times of the kinds of kernel that a model is made of, from their sizes and a GPU's facts. All in
// microseconds. Each is a launch floor plus compute time and memory time, blended so that the
// larger one rules: (a^p + b^p)^(1/p).
#pragma once

#include <cstdint>

#include "perf/gpu_facts.hpp"
#include "perf/kernel_times.hpp"

namespace lockstep {

/// Part of the reads that miss a cache of `room` bytes when `bytes` are read over and over.
[[nodiscard]] double miss_share(double bytes, double room);

/// A dense layer: `rows` x `inner` times `inner` x `columns`.
struct GemmShape {
  double rows = 0;
  double inner = 0;
  double columns = 0;
};
[[nodiscard]] double gemm_micros(const GpuFacts& gpu, const GemmShape& shape, DataType weights);

/// A layer that only moves data: `bytes` in and out, at `rate` times the memory bandwidth while
/// they stay on the chip.
[[nodiscard]] double streaming_micros(const GpuFacts& gpu, double bytes, double launch,
                                      double rate);

/// A block of experts: `tokens` tokens with `top_k` experts each, over `experts` distinct ones.
struct MoeShape {
  double tokens = 0;
  double top_k = 0;
  double experts = 0;
  double hidden = 0;
  double intermediate = 0;  ///< of one expert
};
[[nodiscard]] double moe_micros(const GpuFacts& gpu, const MoeShape& shape, DataType weights);

/// Heads of one rank.
struct AttentionHeads {
  std::int64_t query = 0;
  std::int64_t key_value = 0;
  std::int64_t dim = 0;
  std::int64_t kv_bytes = 2;  ///< per element of the cache
};
/// Flash attention in tiles of 64 queries: one tile a multiprocessor, keys in sequence. A batch
/// with a prefill spends a tile on every decode and query head; a pure decode batch packs the
/// query heads of a key head into one tile and splits long contexts over the multiprocessors. With
/// unequal contexts the work is that of the mean, and a batch with a prefill lasts at least as long
/// as its longest context.
[[nodiscard]] double attention_micros(const GpuFacts& gpu, const AttentionHeads& heads,
                                      const AttentionShape& shape);

}  // namespace lockstep
