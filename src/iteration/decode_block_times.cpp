#include "iteration/decode_block_times.hpp"

#include <algorithm>

namespace lockstep {
namespace {

bool only_plain_decodes(const BatchShape& shape) {
  const bool drafts =
      std::ranges::any_of(shape.entries, [](const BatchEntry& entry) { return entry.drafts > 0; });
  return !drafts && shape.attention.prefill_chunk == 0 && !shape.entries.empty();
}

bool measured(const HeadShape& heads) {
  return heads.heads > heads.kv_heads && heads.window == 0 && !heads.fp8_cache;
}

}  // namespace

DecodeBlockTimes::DecodeBlockTimes(const DecodeBlocks& blocks) : blocks_(blocks) {}

std::optional<Nanos> DecodeBlockTimes::of(const BatchShape& shape, const HeadShape& heads) {
  if (!measured(heads) || !only_plain_decodes(shape) ||
      blocks_.split(shape.total_len, heads.kv_heads)) {
    return std::nullopt;
  }
  constexpr std::int64_t kElement = 2;  // bytes of a 16-bit value
  bytes_.clear();
  for (const BatchEntry& entry : shape.entries) {
    bytes_.push_back(
        static_cast<double>((entry.computed_before + 1) * 2 * kElement * heads.head_size));
  }
  return blocks_.time(bytes_, heads.kv_heads, schedule_);
}

}  // namespace lockstep
