#include "iteration/trace_shape.hpp"

#include <algorithm>

namespace lockstep {
namespace {

AttentionShape attention_of(std::span<const BatchEntry> entries) {
  AttentionShape shape;
  std::int64_t decode_sum = 0;
  for (const BatchEntry& entry : entries) {
    const std::int64_t context = entry.computed_before + entry.drafts;
    if (entry.is_prompt()) {
      shape.prefill_chunk += entry.tokens;
      shape.kv_prefill += context;
      continue;
    }
    shape.kv_decode_max = shape.n_decode == 0 ? context : std::max(shape.kv_decode_max, context);
    shape.kv_decode_min = shape.n_decode == 0 ? context : std::min(shape.kv_decode_min, context);
    decode_sum += context;
    ++shape.n_decode;
  }
  shape.kv_decode_mean = shape.n_decode == 0 ? 0 : decode_sum / shape.n_decode;
  return shape;
}

void leave_decodes_to_memory(BatchShape& shape) {
  shape.attention.n_decode = 0;
  shape.attention.kv_decode_mean = 0;
  shape.attention.kv_decode_max = 0;
  shape.attention.kv_decode_min = 0;
  shape.total_len = std::max<std::int64_t>(1, shape.total_len);
}

}  // namespace

BatchShape shape_of(const Batch& batch, bool offload) {
  BatchShape shape;
  shape.entries = batch.entries;
  shape.total_len = batch.total_len;
  shape.pd_tokens = batch.pd_kv_send_tokens;
  shape.lm_head_len = std::max(static_cast<std::int64_t>(batch.entries.size()),
                               batch.num_prefill + batch.num_decode) +
                      batch.num_drafts;
  shape.attention = attention_of(batch.entries);
  if (batch.dummy) {
    shape.attention.n_decode = 1;
    shape.attention.kv_decode_mean = 1;
    shape.attention.kv_decode_max = 1;
    shape.attention.kv_decode_min = 1;
  }
  if (offload) {
    leave_decodes_to_memory(shape);
  }
  return shape;
}

BatchShape shape_of(std::span<const BatchEntry> entries, bool offload) {
  BatchShape shape;
  shape.entries = entries;
  for (const BatchEntry& entry : entries) {
    shape.total_len += entry.tokens;
  }
  shape.lm_head_len = static_cast<std::int64_t>(entries.size());
  shape.attention = attention_of(entries);
  if (offload) {
    leave_decodes_to_memory(shape);
  }
  return shape;
}

void split_batch(std::span<const BatchEntry> entries,
                 std::array<std::vector<BatchEntry>, 2>& halves) {
  std::vector<BatchEntry> sorted(entries.begin(), entries.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const BatchEntry& a, const BatchEntry& b) { return a.tokens > b.tokens; });
  std::array<std::int64_t, 2> load{};
  halves[0].clear();
  halves[1].clear();
  for (const BatchEntry& entry : sorted) {
    const std::size_t lighter = load[0] <= load[1] ? 0 : 1;
    halves[lighter].push_back(entry);
    load[lighter] += entry.tokens;
  }
  for (std::vector<BatchEntry>& half : halves) {
    std::stable_sort(half.begin(), half.end(), [](const BatchEntry& a, const BatchEntry& b) {
      return a.request->arrival < b.request->arrival;
    });
  }
}

}  // namespace lockstep
