#include "engine/step_padding.hpp"

#include <algorithm>

namespace lockstep {
std::int64_t longest_of(std::span<Batch* const> batches) {
  std::int64_t longest = 0;
  for (const Batch* batch : batches) {
    longest = std::max(longest, batch->total_len);
  }
  return longest;
}

namespace {

/// The length that all get; 0: each its own.
std::int64_t common_length(std::span<Batch* const> batches, const Instance& instance) {
  const std::int64_t longest = longest_of(batches);
  if (!instance.terms.graph_padding || instance.capture_sizes.empty()) {
    return longest;
  }
  const auto& sizes = instance.capture_sizes;
  const auto graph = std::lower_bound(sizes.begin(), sizes.end(), longest);
  return graph == sizes.end() ? 0 : *graph;
}

}  // namespace

void pad_step(std::span<Batch* const> batches, const Instance& instance) {
  const std::int64_t length = common_length(batches, instance);
  std::int64_t tokens = 0;
  for (Batch* batch : batches) {
    pad_batch(*batch, length);
    tokens += batch->total_len;
  }
  for (Batch* batch : batches) {
    batch->wave_tokens = tokens;
  }
}

}  // namespace lockstep
