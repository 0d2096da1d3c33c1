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

/// The captured length that the step fits into; 0: none.
std::int64_t graph_length(std::int64_t longest, const std::vector<std::int64_t>& sizes) {
  const auto graph = std::lower_bound(sizes.begin(), sizes.end(), longest);
  return graph == sizes.end() ? 0 : *graph;
}

GraphUse graph_use(std::span<Batch* const> batches, std::int64_t graph) {
  if (graph == 0) {
    return GraphUse::none;
  }
  const bool prompts =
      std::ranges::any_of(batches, [](const Batch* batch) { return batch->num_prefill > 0; });
  return prompts ? GraphUse::pieces : GraphUse::full;
}

void add_features(const Batch& batch, StepFeatures& features) {
  for (const BatchEntry& entry : batch.entries) {
    if (entry.is_prompt()) {
      features.prompt_tokens += static_cast<double>(entry.tokens);
    } else {
      features.decodes += 1;
      features.context += static_cast<double>(entry.computed_before);
    }
  }
}

}  // namespace

void pad_step(std::span<Batch* const> batches, const Instance& instance) {
  const std::int64_t longest = longest_of(batches);
  const std::int64_t graph = graph_length(longest, instance.capture_sizes);
  const GraphUse use = graph_use(batches, graph);
  const std::int64_t length = instance.terms.graph_padding ? graph : longest;
  std::int64_t tokens = 0;
  StepFeatures features;
  for (Batch* batch : batches) {
    add_features(*batch, features);
    pad_batch(*batch, length);
    tokens += batch->total_len;
  }
  for (Batch* batch : batches) {
    batch->wave_tokens = tokens;
    batch->graph = use;
    batch->step = features;
  }
}

}  // namespace lockstep
