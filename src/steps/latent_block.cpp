// Latent attention: DeepSeek V2, V3, Kimi K2, GLM-5. Queries and the latent vector come out of one
// fused product; prompts unfold the latent vectors into keys and values, decodes stay in the latent
// space and go through the absorbed projections.
#include <algorithm>

#include "steps/step_operations.hpp"

namespace lockstep {
namespace {

/// The attention block was measured as a whole for DeepSeek-V3's dimensions, which Kimi K2 shares.
bool measured_whole(const StepContext& context, const LatentMixer& mixer) {
  return context.model.hidden == 7168 && mixer.query_rank == 1536 && mixer.kv_rank == 512 &&
         mixer.nope_dim == 128 && mixer.rope_dim == 64 && mixer.value_dim == 128 &&
         mixer.index_heads == 0;
}

}  // namespace

void add_latent_rows(const StepContext& context, const LayerKind& kind, const LatentMixer& mixer,
                     std::int64_t times, OperationSink& sink) {
  if (measured_whole(context, mixer)) {
    sink.mixing_comes_here();
    return;  // all of it comes with the mixing
  }
  const std::int64_t heads = share(mixer.heads, context.split.tp);
  const std::int64_t q = heads * (mixer.nope_dim + mixer.rope_dim);
  const std::int64_t hidden = context.model.hidden;
  const WeightFormat& format = kind.formats.attention_in;
  if (mixer.query_rank > 0) {
    // Not split over ranks.
    add_product(context, "q/kv down projection", hidden, mixer.query_rank + mixer.cache_dim(),
                format, times, sink);
    add_product(context, "q up projection", mixer.query_rank, q, format, times, sink);
  } else {
    add_product(context, "q projection", hidden, q, format, times, sink);
    add_product(context, "kv down projection", hidden, mixer.cache_dim(), format, times, sink);
  }
  const double latent =
      2 * activation_bytes(context, context.tokens * (mixer.query_rank + mixer.cache_dim()));
  sink.add("latent norms and cache write", MemoryTraffic{latent}, times);
  sink.add("rotary",
           MemoryTraffic{2 * activation_bytes(context, context.tokens * heads * mixer.rope_dim)},
           times);
  if (mixer.index_heads > 0) {
    const std::int64_t from = mixer.query_rank > 0 ? mixer.query_rank : hidden;
    add_product(context, "index queries", from, mixer.index_heads * mixer.index_dim, format, times,
                sink);
    add_product(context, "index key and weights", hidden, mixer.index_dim + mixer.index_heads,
                context.model.base, times, sink);
  }
  sink.mixing_comes_here();
  add_product(context, "output projection", heads * mixer.value_dim, hidden,
              kind.formats.attention_out, times, sink);
}

namespace {

/// Sparse attention scores every token of the context with its index, then attends to the best.
void add_index(const StepContext& context, const LatentMixer& mixer, std::int64_t queries,
               std::int64_t seen, std::int64_t times, OperationSink& sink) {
  sink.add("index scores",
           Gemm{queries * mixer.index_heads, std::max<std::int64_t>(seen, 1), mixer.index_dim,
                Precision::fp8},
           times);
  sink.add("index selection", MemoryTraffic{static_cast<double>(queries * seen) * 4}, times);
  (void)context;
}

void add_whole_block(const StepContext& context, const LayerKind& kind, const LatentMixer& mixer,
                     const StepBatch& batch, std::int64_t times, OperationSink& sink) {
  LatentModule block{{.heads = share(mixer.heads, context.split.tp),
                      .projections = precision_of(kind.formats.attention_in),
                      .fp8_cache = context.model.fp8_cache}};
  if (const MeanPrompt prompt = mean_prompt(batch.prompts); prompt.count > 0) {
    block.shape.batch = prompt.count;
    block.shape.new_tokens = prompt.tokens;
    block.shape.cached_tokens = prompt.cached;
    sink.add("latent attention block, prompts", block, times);
  }
  if (batch.decodes > 0) {
    block.shape.batch = batch.decodes;
    block.shape.new_tokens = 1;
    block.shape.cached_tokens = std::max<std::int64_t>(batch.decode_context / batch.decodes - 1, 0);
    block.shape.generation = true;
    sink.add("latent attention block, decodes", block, times);
  }
}

std::int64_t attended(const LatentMixer& mixer, std::int64_t context) {
  return mixer.index_top_k > 0 ? std::min(context, mixer.index_top_k) : context;
}

}  // namespace

void add_latent_mixing(const StepContext& context, const LayerKind& kind, const LatentMixer& mixer,
                       const StepBatch& batch, std::int64_t times, OperationSink& sink) {
  if (measured_whole(context, mixer)) {
    add_whole_block(context, kind, mixer, batch, times, sink);
    return;
  }
  const std::int64_t heads = share(mixer.heads, context.split.tp);
  LatentAttention shape{.heads = heads,
                        .projections = precision_of(kind.formats.attention_in),
                        .fp8_cache = context.model.fp8_cache};
  if (const MeanPrompt prompt = mean_prompt(batch.prompts); prompt.count > 0) {
    // Keys and values of the new and of the cached tokens are unfolded.
    const std::int64_t rows = prompt.count * (prompt.tokens + prompt.cached);
    sink.add("kv up projection",
             Gemm{rows, heads * (mixer.nope_dim + mixer.value_dim), mixer.kv_rank,
                  precision_of(kind.formats.attention_in)},
             times);
    if (mixer.index_heads > 0) {
      add_index(context, mixer, prompt.count * prompt.tokens, prompt.cached + prompt.tokens / 2,
                times, sink);
    }
    shape.batch = prompt.count;
    shape.new_tokens = prompt.tokens;
    shape.cached_tokens = prompt.cached;
    shape.generation = false;
    sink.add("latent attention, prompts", shape, times);
  }
  if (batch.decodes > 0) {
    const std::int64_t seen = batch.decode_context / batch.decodes;
    if (mixer.index_heads > 0) {
      add_index(context, mixer, batch.decodes, seen, times, sink);
    }
    sink.add("absorbed projections", LatentAbsorption{batch.decodes, heads}, times);
    shape.batch = batch.decodes;
    shape.new_tokens = 1;
    shape.cached_tokens = std::max<std::int64_t>(attended(mixer, seen) - 1, 0);
    shape.generation = true;
    sink.add("latent attention, decodes", shape, times);
  }
}

}  // namespace lockstep
