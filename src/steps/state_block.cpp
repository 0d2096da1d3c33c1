// Mixers with a state instead of a cache: gated delta nets (Qwen3.5) and Mamba-2 (Nemotron).
#include <algorithm>

#include "model/description/cache_size.hpp"
#include "steps/step_operations.hpp"

namespace lockstep {
namespace {

void add_delta_rows(const StepContext& context, const LayerKind& kind, const DeltaNetMixer& net,
                    std::int64_t times, OperationSink& sink) {
  const std::int64_t tp = context.split.tp;
  const std::int64_t keys = share(net.key_heads, tp) * net.key_head_dim;
  const std::int64_t value_heads = share(net.value_heads, tp);
  const std::int64_t values = value_heads * net.value_head_dim;
  add_product(context, "qkvz projection", context.model.hidden, 2 * keys + 2 * values,
              kind.formats.attention_in, times, sink);
  add_product(context, "decay and gate projection", context.model.hidden, 2 * value_heads,
              context.model.base, times, sink);
  sink.mixing_comes_here();
  sink.add("gated norm", MemoryTraffic{3 * activation_bytes(context, context.tokens * values)},
           times);
  add_product(context, "output projection", values, context.model.hidden,
              kind.formats.attention_out, times, sink);
}

void add_mamba_rows(const StepContext& context, const LayerKind& kind, const MambaMixer& mamba,
                    std::int64_t times, OperationSink& sink) {
  const std::int64_t tp = context.split.tp;
  const std::int64_t inner = share(mamba.heads, tp) * mamba.head_dim;
  const std::int64_t states = 2 * share(mamba.groups, tp) * mamba.state_dim;
  add_product(context, "input projection", context.model.hidden,
              2 * inner + states + share(mamba.heads, tp), kind.formats.attention_in, times, sink);
  sink.add("convolution",
           MemoryTraffic{2 * activation_bytes(context, context.tokens * (inner + states))}, times);
  sink.mixing_comes_here();
  sink.add("gated norm", MemoryTraffic{3 * activation_bytes(context, context.tokens * inner)},
           times);
  add_product(context, "output projection", inner, context.model.hidden, kind.formats.attention_out,
              times, sink);
}

}  // namespace

void add_state_rows(const StepContext& context, const LayerKind& kind, const Mixer& mixer,
                    std::int64_t times, OperationSink& sink) {
  if (const auto* net = std::get_if<DeltaNetMixer>(&mixer)) {
    add_delta_rows(context, kind, *net, times, sink);
  } else if (const auto* mamba = std::get_if<MambaMixer>(&mixer)) {
    add_mamba_rows(context, kind, *mamba, times, sink);
  }
}

void add_state_mixing(const StepContext& context, const Mixer& mixer, const StepBatch& batch,
                      std::int64_t times, OperationSink& sink) {
  const MeanPrompt prompt = mean_prompt(batch.prompts);
  if (const auto* net = std::get_if<DeltaNetMixer>(&mixer)) {
    GatedDeltaNet shape{.k_heads = share(net->key_heads, context.split.tp),
                        .v_heads = share(net->value_heads, context.split.tp),
                        .head_size = net->key_head_dim};
    if (prompt.count > 0) {
      shape.batch = prompt.count;
      shape.tokens = prompt.tokens;
      sink.add("delta rule, prompts", shape, times);
    }
    if (batch.decodes > 0) {
      shape.batch = batch.decodes;
      shape.tokens = 1;
      shape.generation = true;
      sink.add("delta rule, decodes", shape, times);
    }
  } else if (std::holds_alternative<MambaMixer>(mixer)) {
    // Every sequence's state is read and written once.
    LayerKind kind;
    kind.mixer = mixer;
    const auto state =
        static_cast<double>(state_bytes(context.model, kind, context.split.tp).count());
    const auto sequences = static_cast<double>(prompt.count + batch.decodes);
    sink.add("state update", MemoryTraffic{2 * state * sequences}, times);
  }
}

}  // namespace lockstep
