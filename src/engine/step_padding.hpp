// How long the batches of a step are made before they run.
#pragma once

#include <cstdint>
#include <span>

#include "config/cluster.hpp"
#include "serving/batch.hpp"

namespace lockstep {

/// Pads the batches that run together: those of all members of a wave, or a single one. Sets
/// Batch::wave_tokens, Batch::graph and Batch::step of each.
///
/// Without graph padding the members of a wave are all made as long as the longest. With it, as the
/// engine does: where the longest has a captured graph, all get the length of that graph; a longer
/// step runs without graphs, and then everybody keeps its own length.
void pad_step(std::span<Batch* const> batches, const Instance& instance);

/// Tokens of the longest one.
[[nodiscard]] std::int64_t longest_of(std::span<Batch* const> batches);

}  // namespace lockstep
