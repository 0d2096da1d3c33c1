// Feed-forward blocks: dense MLPs, and routed experts with what runs beside them.
#include "steps/step_operations.hpp"

namespace lockstep {
namespace {

void add_mlp(const StepContext& context, std::string_view up_name, std::string_view down_name,
             std::int64_t width, bool gated, const WeightFormat& format, std::int64_t times,
             OperationSink& sink) {
  const std::int64_t own = share(width, context.split.tp);
  const std::int64_t in = gated ? 2 : 1;
  add_product(context, up_name, context.model.hidden, in * own, format, times, sink);
  sink.add("activation", MemoryTraffic{activation_bytes(context, context.tokens * (in + 1) * own)},
           times);
  add_product(context, down_name, own, context.model.hidden, format, times, sink);
}

}  // namespace

void add_dense_mlp(const StepContext& context, const LayerKind& kind, const DenseMlp& mlp,
                   std::int64_t times, OperationSink& sink) {
  add_mlp(context, "gate/up projection", "down projection", mlp.width, mlp.gated, kind.formats.mlp,
          times, sink);
  add_all_reduce(context, "MLP all-reduce", context.split.tp, times, sink);
}

void add_expert_mlp(const StepContext& context, const LayerKind& kind, const ExpertMlp& mlp,
                    std::int64_t times, OperationSink& sink) {
  const ParallelSplit& split = context.split;
  const std::int64_t group_tokens = context.expert_tokens();
  const double gathered = activation_bytes(context, group_tokens * context.model.hidden);
  if (mlp.float32_router) {
    const double cast = 3 * activation_bytes(context, context.tokens * context.model.hidden);
    sink.add("router's cast to float32", MemoryTraffic{cast}, times);
  }
  if (mlp.float32_router && context.options.float32_tflops > 0) {
    sink.add("router",
             Float32Product{context.tokens, mlp.experts, context.model.hidden,
                            context.options.float32_tflops},
             times);
  } else {
    add_product(context, "router", (mlp.float32_router ? 2 : 1) * context.model.hidden, mlp.experts,
                context.model.base, times, sink);
  }
  if (mlp.shared_width > 0) {
    add_mlp(context, "shared gate/up projection", "shared down projection", mlp.shared_width,
            mlp.gated, kind.formats.shared, times, sink);
  }
  if (split.attention_dp > 1) {
    sink.add("tokens' gathering",
             CollectiveCall{CollectiveOp::all_gather, gathered, split.attention_dp, true}, times);
  }
  sink.add("experts",
           GroupedExperts{.tokens = group_tokens,
                          .hidden = context.model.hidden,
                          .intermediate = mlp.width,
                          .experts = mlp.experts,
                          .top_k = mlp.top_k,
                          .tp = split.moe_tp,
                          .ep = split.moe_ep,
                          .precision = context.options.expert_precision.value_or(
                              precision_of(kind.formats.experts)),
                          .skew = context.options.skew,
                          .kernel = context.options.expert_kernel,
                          .gated = mlp.gated},
           times);
  if (split.attention_dp > 1) {
    sink.add("results' scattering",
             CollectiveCall{CollectiveOp::reduce_scatter, gathered, split.attention_dp, true},
             times);
  }
  add_all_reduce(context, "experts' all-reduce", split.tp, times, sink);
}

}  // namespace lockstep
