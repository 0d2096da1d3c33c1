// Attention with keys and values of its own: Llama, Qwen, Mistral, Gemma, gpt-oss, MiniMax, ...
#include <algorithm>

#include "steps/step_operations.hpp"

namespace lockstep {
namespace {

HeadShape shape_of(const StepContext& context, const HeadAttention& attention) {
  return {.heads = share(attention.heads, context.split.tp),
          .kv_heads = share(attention.kv_heads, context.split.tp),
          .head_size = attention.head_dim,
          .window = attention.window,
          .fp8_cache = context.model.fp8_cache};
}

/// Beside prompts the kernel does not split, and decodes fill in where multiprocessors are free.
std::int64_t context_of_decodes(const StepContext& context, const StepBatch& batch,
                                const HeadShape& heads) {
  const bool alone = batch.prompts.empty() && !batch.decode_contexts.empty();
  return alone && context.mixed_decodes != nullptr
             ? context.mixed_decodes->even_length(batch.decode_contexts, heads)
             : batch.decode_context / batch.decodes;
}

}  // namespace

void add_head_attention_rows(const StepContext& context, const LayerKind& kind,
                             const HeadAttention& attention, std::int64_t times,
                             OperationSink& sink) {
  const HeadShape shape = shape_of(context, attention);
  const std::int64_t q = shape.heads * attention.head_dim;
  const std::int64_t kv = shape.kv_heads * attention.head_dim;
  const std::int64_t columns =
      (attention.output_gate ? 2 : 1) * q + (attention.key_is_value ? 1 : 2) * kv;
  add_product(context, "qkv projection", context.model.hidden, columns, kind.formats.attention_in,
              times, sink);
  // Norm of queries and keys where there is one runs in the same pass as the rotation.
  const double rotated = 2 * activation_bytes(context, context.tokens * (q + kv));
  sink.add(attention.qk_norm ? "q/k norm and rotary" : "rotary", MemoryTraffic{rotated}, times);
  if (attention.norm_over_heads) {
    // Two more passes in float32, and the ranks agree on the sums of squares of q and k, in one
    // call since vLLM's pull request 31493 (December 2025).
    sink.add("q/k norm over all heads", MemoryTraffic{3 * rotated}, 2 * times);
    if (context.split.tp > 1) {
      sink.add("q/k norm all-reduce",
               CollectiveCall{CollectiveOp::vllm_all_reduce,
                              static_cast<double>(context.tokens) * 8, context.split.tp, true},
               times);
    }
  }
  sink.mixing_comes_here();
  if (attention.output_gate) {
    sink.add("output gate", MemoryTraffic{3 * activation_bytes(context, context.tokens * q)},
             times);
  }
  add_product(context, "output projection", q, context.model.hidden, kind.formats.attention_out,
              times, sink);
}

void add_head_attention_mixing(const StepContext& context, const HeadAttention& attention,
                               const StepBatch& batch, std::int64_t times, OperationSink& sink) {
  const HeadShape shape = shape_of(context, attention);
  const MeanPrompt prompt = mean_prompt(batch.prompts);
  const ContextAttention prompts{shape, prompt.count, prompt.tokens, prompt.cached};
  if (prompt.count > 0) {
    sink.add("attention, prompts", prompts, times);
  }
  if (batch.decodes > 0 && prompt.count > 0 && context.options.one_attention_kernel &&
      !shape.fp8_cache) {
    const auto longest = std::ranges::max_element(batch.prompts, {}, &PromptChunk::tokens);
    sink.add("attention, decodes beside prompts",
             DecodesBeside{prompts, longest->tokens, batch.decodes,
                           batch.decode_context / batch.decodes, batch.longest_decode},
             times);
  } else if (batch.decodes > 0) {
    sink.add("attention, decodes",
             GenerationAttention{shape, batch.decodes, context_of_decodes(context, batch, shape)},
             times);
  }
}

}  // namespace lockstep
