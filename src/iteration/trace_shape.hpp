// What the rows of a batch depend on: its token counts, and the statistics of its prefill and
// decode entries that the attention look-up takes. An entry of more than one token is a prefill;
// proposed tokens lengthen the context of a decode, since one pass over it serves all of its
// queries.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "perf/kernel_times.hpp"
#include "serving/batch.hpp"

namespace lockstep {

struct BatchShape {
  std::int64_t total_len = 0;    ///< tokens of every row, DP padding included
  std::int64_t lm_head_len = 0;  ///< sequences of lm_head and sampler
  std::int64_t pd_tokens = 0;    ///< whose KV a prefill instance hands over
  AttentionShape attention;      ///< of the NPU: without the decodes when they are offloaded
  std::span<const BatchEntry> entries;

  /// Context tokens in the attention row's size.
  [[nodiscard]] std::int64_t kv_len() const {
    return attention.kv_prefill + attention.n_decode * attention.kv_decode_mean;
  }
};

/// `offload`: decode attention runs in memory. The shape refers to the batch's entries.
[[nodiscard]] BatchShape shape_of(const Batch& batch, bool offload);
/// A sub-batch: everything is counted anew from its entries.
[[nodiscard]] BatchShape shape_of(std::span<const BatchEntry> entries, bool offload);

/// Splits a batch in two of about equal token counts: entries by tokens descending, each to the
/// lighter half, both halves then in order of arrival. Buffers of `halves` are reused.
void split_batch(std::span<const BatchEntry> entries,
                 std::array<std::vector<BatchEntry>, 2>& halves);

}  // namespace lockstep
