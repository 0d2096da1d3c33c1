// What the engine keeps free of KV blocks beside the weights: what its start-up profile finds.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/units.hpp"
#include "config/cluster.hpp"

namespace lockstep {

struct MemoryProfile {
  Bytes activations;  ///< peak of a step of the most tokens
  Bytes sampling;     ///< peak of drawing a token for the most sequences
  Bytes context;      ///< contexts, libraries' workspaces, and graphs that the profile sees

  /// Forward pass and sampling come one after the other.
  [[nodiscard]] Bytes reserved() const { return std::max(activations, sampling) + context; }
};

/// Of one rank.
/// - activations: max_num_batched_tokens rows of residual, hidden state and the widest layer's
///   input and output (projections of attention, gate and up with their product, or top_k copies
///   for experts), in the weights' type.
/// - sampling: for max_num_seqs rows of the vocabulary the logits in 16 and 32 bits, their sorted
///   copy with 64-bit indices, and as much again for the sort: 30 bytes a logit.
/// - context: 240 MiB, what remained unexplained in a recorded run of vLLM 0.19.0 (Llama-3.1-8B on
///   an RTX 4090, 2588 blocks); NCCL's buffers beyond one rank are not in it.
[[nodiscard]] MemoryProfile memory_profile(const Instance& instance);

}  // namespace lockstep
