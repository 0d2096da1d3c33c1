// Attention of a step of decodes of a described model, thread block by thread block.
#pragma once

#include <optional>
#include <vector>

#include "iteration/trace_shape.hpp"
#include "perf/decode_blocks.hpp"
#include "perf/operations/operations.hpp"

namespace lockstep {

/// Operations know decodes of equal length only, measured with caches that L2 may hold. Where the
/// kernel does not split contexts and the GPU's rates are known, its blocks say how long it takes.
/// Not thread-safe.
class DecodeBlockTimes {
public:
  explicit DecodeBlockTimes(const DecodeBlocks& blocks);

  /// Of one layer. Nothing where there are prompts or proposed tokens or no sequences are named,
  /// where contexts are split, and for kernels whose rates were not measured: single query heads,
  /// windows, caches of 8 bits.
  [[nodiscard]] std::optional<Nanos> of(const BatchShape& shape, const HeadShape& heads);

private:
  DecodeBlocks blocks_;
  std::vector<double> bytes_;  ///< by sequence
  BlockSchedule schedule_;
};

}  // namespace lockstep
