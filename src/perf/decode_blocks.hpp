// Attention of decodes by a kernel that does not split contexts: one thread block reads the keys
// and values of one sequence for one KV head, and a step waits for the last block.
#pragma once

#include <cstdint>
#include <span>

#include "base/units.hpp"
#include "perf/block_schedule.hpp"

namespace lockstep {

/// A GPU's rates, measured. A multiprocessor holds one block at a time; blocks start head after
/// head, within a head in the order of the batch.
struct DecodeBlocks {
  std::int64_t multiprocessors = 0;
  double block_gb_s = 0;   ///< 10^9 bytes a second that one block reads at most
  double memory_gb_s = 0;  ///< that all blocks read together at most
  double start_us = 0;     ///< of a block
  double launch_us = 0;    ///< of the kernel

  /// The kernel splits contexts only where its blocks would not nearly fill the GPU; it counts two
  /// blocks a multiprocessor. `sequences` with padding.
  [[nodiscard]] bool split(std::int64_t sequences, std::int64_t kv_heads) const;

  /// Until the last block is done. `bytes`: what each sequence's block reads. `schedule` may be one
  /// that was used before.
  [[nodiscard]] Nanos time(std::span<const double> bytes, std::int64_t kv_heads,
                           BlockSchedule& schedule) const;
};

}  // namespace lockstep
