// Decodes of unequal length under FlashAttention 3's scheduler: contexts are split so that no part
// is longer than a tenth above each multiprocessor's share of the step, and parts start as
// multiprocessors get free. Lengths that do not come out even leave some of them waiting.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <tuple>
#include <vector>

#include "perf/block_schedule.hpp"
#include "perf/decode_blocks.hpp"
#include "perf/operations/operations.hpp"

namespace lockstep {

/// A GPU's rates, in 10^9 bytes a second: what one thread block reads at most, and all together. A
/// multiprocessor holds one block at a time.
struct SplitDecodes {
  std::int64_t multiprocessors = 0;
  double block_gb_s = 0;
  double block_fp8_gb_s = 0;  ///< from a cache of 8 bits
  double memory_gb_s = 0;
};

/// Not thread-safe: it remembers what it found, as sequences that grow together change little.
class MixedDecodes {
public:
  explicit MixedDecodes(const SplitDecodes& rates) : rates_(rates) {}

  /// The length at which so many equal sequences would take as long as these. `contexts`: tokens
  /// that each attends to, in the order of the batch; looked at anew after 32 tokens each.
  [[nodiscard]] std::int64_t even_length(std::span<const std::int64_t> contexts,
                                         const HeadShape& heads);
  /// The same, always anew.
  [[nodiscard]] double stretch(std::span<const std::int64_t> contexts, const HeadShape& heads);

private:
  struct Known {
    std::vector<std::int64_t> contexts;
    double stretch = 1;
  };
  [[nodiscard]] double time(std::span<const std::int64_t> contexts, const HeadShape& heads,
                            BlockSchedule& schedule);

  SplitDecodes rates_;
  std::map<std::tuple<std::int64_t, std::int64_t, std::int64_t, bool>, Known> known_;
  std::vector<std::int64_t> cut_;    ///< contexts within the window
  std::vector<std::int64_t> equal_;  ///< as many of their mean
  std::vector<double> parts_;        ///< bytes
  BlockSchedule own_, even_;
};

}  // namespace lockstep
