// A block of latent attention as a compiled engine runs it, from measurements of one that is not.
#pragma once

#include "perf/operations/operation_times.hpp"

namespace lockstep {

/// Decodes: the block was measured as the engine's module by itself, whose small kernels are not
/// fused. What it takes for one token without a context beyond the sum of its parts (products,
/// norms, rotary embedding, absorption, the kernel) is theirs, whatever the batch, and is left out.
/// Prompts: as measured.
[[nodiscard]] OperationTime latent_block_time(const OperationTimes& times,
                                              const LatentAttention& block);

}  // namespace lockstep
