// Attention of a step of decodes whose contexts the kernel does not split.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "config/cluster.hpp"
#include "iteration/trace_shape.hpp"
#include "perf/decode_blocks.hpp"
#include "perf/gpu_facts.hpp"
#include "perf/kernel_times.hpp"

namespace lockstep {

/// The rates of the instance's GPU where the term is on, they are known, and the kernel is the one
/// that was measured: grouped queries, a cache of 16 bits.
[[nodiscard]] std::optional<DecodeBlocks> decode_blocks_of(const Instance& instance,
                                                           GpuCatalog& gpus);

/// What one rank keeps of a sequence.
struct RankCache {
  std::int64_t kv_heads = 1;
  std::int64_t token_bytes = 0;  ///< keys and values of one token and one head
};

/// The attention tables hold sequences of equal length, and a number of decodes between two that
/// were measured may lie between a split and an unsplit one. So the blocks themselves count here,
/// within what as many decodes take that are all as long as the mean, or as the longest.
class UnsplitDecodes {
public:
  UnsplitDecodes(const DecodeBlocks& blocks, const RankCache& cache);

  /// False: there are prompts or proposed tokens, nothing attends here, or the kernel splits
  /// contexts.
  [[nodiscard]] bool applies(const BatchShape& shape) const;
  /// Of one layer. Steps that follow each other are timed faster than others.
  [[nodiscard]] KernelTime attention(const KernelTimes& times, const BatchShape& shape);

private:
  DecodeBlocks blocks_;
  RankCache cache_;
  std::vector<double> bytes_;  ///< by sequence
  BlockSchedule schedule_;
};

}  // namespace lockstep
