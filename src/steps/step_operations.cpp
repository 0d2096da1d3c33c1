#include "steps/step_operations.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"

namespace lockstep {

Precision precision_of(const WeightFormat& format) {
  switch (format.type) {
    case WeightType::float32:
    case WeightType::float16:
    case WeightType::bfloat16:
      return Precision::bfloat16;
    case WeightType::int8:
    case WeightType::fp8:
      return Precision::fp8;
    case WeightType::fp8_block:
      return Precision::fp8_block;
    case WeightType::int4:
      return Precision::int4;
    case WeightType::nvfp4:
      return Precision::nvfp4;
    case WeightType::mxfp4:
      return Precision::mxfp4;
  }
  throw InternalError("precision_of: weight type out of range");
}

std::int64_t share(std::int64_t count, std::int64_t ranks) {
  return (count + ranks - 1) / ranks;
}

double activation_bytes(const StepContext& context, std::int64_t values) {
  return static_cast<double>(context.model.base.bytes(values).count());
}

void add_product(const StepContext& context, std::string_view name, std::int64_t from,
                 std::int64_t to, const WeightFormat& format, std::int64_t times,
                 OperationSink& sink) {
  sink.add(name, Gemm{context.tokens, to, from, precision_of(format)}, times);
}

void add_norm(const StepContext& context, std::string_view name, std::int64_t times,
              OperationSink& sink) {
  // Hidden state and residual are read, both are written.
  const double bytes = 4 * activation_bytes(context, context.tokens * context.model.hidden);
  sink.add(name, MemoryTraffic{bytes}, times);
}

void add_all_reduce(const StepContext& context, std::string_view name, std::int64_t ranks,
                    std::int64_t times, OperationSink& sink) {
  if (ranks > 1) {
    const double bytes = activation_bytes(context, context.tokens * context.model.hidden);
    sink.add(name, CollectiveCall{CollectiveOp::vllm_all_reduce, bytes, ranks, true}, times);
  }
}

MeanPrompt mean_prompt(const std::vector<PromptChunk>& prompts) {
  MeanPrompt mean;
  double tokens = 0;
  double pairs = 0;  // the kernel's work: new tokens times what they see
  for (const PromptChunk& chunk : prompts) {
    const auto own = static_cast<double>(chunk.tokens);
    tokens += own;
    pairs += own * (static_cast<double>(chunk.cached) + own / 2);
  }
  mean.count = static_cast<std::int64_t>(prompts.size());
  if (mean.count == 0) {
    return mean;
  }
  const double each = tokens / static_cast<double>(mean.count);
  mean.tokens = std::max<std::int64_t>(std::llround(each), 1);
  mean.cached = std::max<std::int64_t>(std::llround(pairs / tokens - each / 2), 0);
  return mean;
}

void add_embedding(const StepContext& context, OperationSink& sink) {
  const double row_bytes = activation_bytes(context, context.tokens * context.model.hidden);
  sink.add("embedding", MemoryTraffic{2 * row_bytes}, 1);
  add_all_reduce(context, "embedding all-reduce", context.split.tp, 1, sink);
}

void add_layer_rows(const StepContext& context, const LayerKind& kind, std::int64_t times,
                    OperationSink& sink) {
  const double row_bytes = activation_bytes(context, context.tokens * context.model.hidden);
  const bool fused = context.options.fused_all_reduce_norm && context.split.tp > 1 &&
                     row_bytes <= fused_norm_bytes(context.split.tp);
  if (!std::holds_alternative<std::monostate>(kind.mixer)) {
    if (!fused) {
      add_norm(context, "input norm", times, sink);
    }
    if (const auto* heads = std::get_if<HeadAttention>(&kind.mixer)) {
      add_head_attention_rows(context, kind, *heads, times, sink);
    } else if (const auto* latent = std::get_if<LatentMixer>(&kind.mixer)) {
      add_latent_rows(context, kind, *latent, times, sink);
    } else {
      add_state_rows(context, kind, kind.mixer, times, sink);
    }
    add_all_reduce(context, "attention all-reduce", context.split.tp, times, sink);
  }
  if (!std::holds_alternative<std::monostate>(kind.feed_forward) && !fused) {
    add_norm(context, "post-attention norm", times, sink);
  }
  if (const auto* mlp = std::get_if<DenseMlp>(&kind.feed_forward)) {
    add_dense_mlp(context, kind, *mlp, times, sink);
  } else if (const auto* experts = std::get_if<ExpertMlp>(&kind.feed_forward)) {
    add_expert_mlp(context, kind, *experts, times, sink);
  }
}

void add_row_operations(const StepContext& context, OperationSink& sink) {
  add_embedding(context, sink);
  for (const LayerGroup& group : context.model.layers) {
    add_layer_rows(context, group.kind, share(group.count, context.split.pp), sink);
  }
}

void add_layer_mixing(const StepContext& context, const LayerKind& kind, const StepBatch& batch,
                      std::int64_t times, OperationSink& sink) {
  if (const auto* heads = std::get_if<HeadAttention>(&kind.mixer)) {
    add_head_attention_mixing(context, *heads, batch, times, sink);
  } else if (const auto* latent = std::get_if<LatentMixer>(&kind.mixer)) {
    add_latent_mixing(context, kind, *latent, batch, times, sink);
  } else if (!std::holds_alternative<std::monostate>(kind.mixer)) {
    add_state_mixing(context, kind.mixer, batch, times, sink);
  }
}

void add_mixing_operations(const StepContext& context, const StepBatch& batch,
                           OperationSink& sink) {
  for (const LayerGroup& group : context.model.layers) {
    add_layer_mixing(context, group.kind, batch, share(group.count, context.split.pp), sink);
  }
}

void add_head_operations(const StepContext& context, std::int64_t rows, OperationSink& sink) {
  if (rows == 0) {
    return;
  }
  const ModelDescription& model = context.model;
  const std::int64_t tp = context.split.tp;
  sink.add("final norm",
           MemoryTraffic{4 * activation_bytes(context, context.tokens * model.hidden)}, 1);
  sink.add("output head",
           Gemm{rows, share(model.vocab, tp), model.hidden, precision_of(model.base)}, 1);
  if (tp > 1) {
    sink.add("logits gather",
             CollectiveCall{CollectiveOp::all_gather, activation_bytes(context, rows * model.vocab),
                            tp, false},
             1);
  }
  // Logits become float32 and are searched for the largest.
  sink.add("sampling", MemoryTraffic{static_cast<double>(rows * model.vocab) * (2 + 4 + 4)}, 1);
}

}  // namespace lockstep
