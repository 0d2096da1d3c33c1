#include "iteration/unsplit_decodes.hpp"

#include <algorithm>

namespace lockstep {
namespace {

KernelTime all_of(const KernelTimes& times, AttentionShape shape, std::int64_t context) {
  shape.kv_decode_mean = shape.kv_decode_max = shape.kv_decode_min = context;
  return times.attention(shape);
}

}  // namespace

std::optional<DecodeBlocks> decode_blocks_of(const Instance& instance, GpuCatalog& gpus) {
  const ModelConfig& model = *instance.model;
  if (!instance.terms.unsplit_decodes || instance.kv_fp() != 2 ||
      model.num_attention_heads <= model.num_key_value_heads) {
    return std::nullopt;
  }
  const auto gpu = gpus.find(instance.hardware);
  return gpu ? gpu->decode_blocks : std::nullopt;
}

UnsplitDecodes::UnsplitDecodes(const DecodeBlocks& blocks, const RankCache& cache)
    : blocks_(blocks), cache_(cache) {}

bool UnsplitDecodes::applies(const BatchShape& shape) const {
  const bool drafts =
      std::ranges::any_of(shape.entries, [](const BatchEntry& entry) { return entry.drafts > 0; });
  return !drafts && shape.attention.prefill_chunk == 0 && shape.attention.n_decode > 0 &&
         !shape.entries.empty() && !blocks_.split(shape.total_len, cache_.kv_heads);
}

KernelTime UnsplitDecodes::attention(const KernelTimes& times, const BatchShape& shape) {
  bytes_.clear();
  for (const BatchEntry& entry : shape.entries) {
    bytes_.push_back(static_cast<double>((entry.computed_before + 1) * cache_.token_bytes));
  }
  KernelTime result = all_of(times, shape.attention, shape.attention.kv_decode_mean);
  const Nanos most = all_of(times, shape.attention, shape.attention.kv_decode_max).time;
  const Nanos own = blocks_.time(bytes_, cache_.kv_heads, schedule_);
  result.time = std::clamp(own, std::min(result.time, most), most);
  result.source = std::max(result.source, TimeSource::interpolated);
  return result;
}

}  // namespace lockstep
