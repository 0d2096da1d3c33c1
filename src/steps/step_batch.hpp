// What one step of one engine computes, as far as its time depends on it.
#pragma once

#include <cstdint>
#include <vector>

namespace lockstep {

/// A part of a prompt: `tokens` new ones behind `cached` ones.
struct PromptChunk {
  std::int64_t tokens = 0;
  std::int64_t cached = 0;
  bool last = true;  ///< the prompt ends here, so the step samples a token for it
};

/// Units: tokens. `decode_context` is the sum over the decoding sequences of the tokens that they
/// attend to, the new one included, `longest_decode` the largest of these.
struct StepBatch {
  std::vector<PromptChunk> prompts;
  std::int64_t decodes = 0;
  std::int64_t decode_context = 0;
  std::int64_t longest_decode = 0;  ///< of them; 0: all are alike
  /// Of each, in the order of the batch; empty: not named, as where only the sum counts.
  std::vector<std::int64_t> decode_contexts{};

  [[nodiscard]] std::int64_t tokens() const {
    std::int64_t sum = decodes;
    for (const PromptChunk& chunk : prompts) {
      sum += chunk.tokens;
    }
    return sum;
  }
  /// Rows of the output head.
  [[nodiscard]] std::int64_t sampled() const {
    std::int64_t sum = decodes;
    for (const PromptChunk& chunk : prompts) {
      sum += chunk.last ? 1 : 0;
    }
    return sum;
  }
  void clear() {
    prompts.clear();
    decode_contexts.clear();
    decodes = decode_context = longest_decode = 0;
  }
};

}  // namespace lockstep
