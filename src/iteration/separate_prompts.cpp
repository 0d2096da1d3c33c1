#include "iteration/separate_prompts.hpp"

#include <algorithm>

namespace lockstep {
namespace {

Nanos alone(const KernelTimes& times, std::int64_t tokens, std::int64_t context) {
  AttentionShape prompt;
  prompt.prefill_chunk = tokens;
  prompt.kv_prefill = context;
  return times.attention(prompt).time;
}

}  // namespace

KernelTime attention_of_separate_prompts(const KernelTimes& times, const BatchShape& shape) {
  KernelTime result = times.attention(shape.attention);
  std::int64_t prompts = 0;
  for (const BatchEntry& entry : shape.entries) {
    prompts += entry.is_prompt() ? 1 : 0;
  }
  if (prompts < 2) {
    return result;
  }
  Nanos time =
      result.time - alone(times, shape.attention.prefill_chunk, shape.attention.kv_prefill);
  for (const BatchEntry& entry : shape.entries) {
    if (entry.is_prompt()) {
      time += alone(times, entry.tokens, entry.computed_before);
    }
  }
  time = time - alone(times, 1, 0) * (prompts - 1);
  AttentionShape decodes = shape.attention;
  decodes.prefill_chunk = decodes.kv_prefill = 0;
  const Nanos least = decodes.n_decode > 0 ? times.attention(decodes).time : Nanos{1};
  result.time = std::clamp(time, std::min(least, result.time), result.time);
  result.source = std::max(result.source, TimeSource::interpolated);
  return result;
}

}  // namespace lockstep
