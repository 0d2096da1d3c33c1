// Rows of the experts of one block, and the exchange of tokens around them.
#include <algorithm>

#include "iteration/trace_emitter.hpp"

namespace lockstep {

ExchangeSizes exchange_sizes(const Instance& instance, std::int64_t wave_len,
                             std::int64_t wave_tokens, ExpertExchange form,
                             const FidelityPolicy& policy) {
  ExchangeSizes sizes;
  if (instance.ep_total <= 1) {
    return sizes;
  }
  const ModelConfig& model = *instance.model;
  const bool short_exchange = policy.exchange_of_one_members_tokens || !instance.dp_group;
  const std::int64_t members = instance.ep_total / instance.local_ep;
  const std::int64_t of_all = wave_tokens > 0 ? wave_tokens : wave_len * members;
  const std::int64_t all_tokens = short_exchange ? wave_len : of_all;
  sizes.combine_size = Bytes{all_tokens * model.hidden_size * instance.fp()};
  if (form == ExpertExchange::all_to_all) {
    sizes.dispatch = CollectiveKind::all_to_all;
    sizes.combine = CollectiveKind::all_to_all;
    sizes.dispatch_size = sizes.combine_size;
    return sizes;
  }
  // Gathered are the hidden state and the router's logits of every token.
  const std::int64_t of_a_rank = std::max<std::int64_t>(1, all_tokens / instance.ep_total);
  sizes.dispatch = CollectiveKind::all_gather;
  sizes.combine = CollectiveKind::reduce_scatter;
  sizes.dispatch_size = Bytes{of_a_rank * (model.hidden_size + model.num_experts) * instance.fp()};
  return sizes;
}

/// Tokens and distinct experts of every rank.
void TraceEmitter::route(const BatchShape& shape) {
  const std::int64_t ranks = instance_.ep_total;
  if (!instance_.terms.independent_experts ||
      settings_.expert_routing != ExpertRoutingPolicy::balanced) {
    router_->route(shape.total_len, ranks, load_);
    return;
  }
  const bool of_wave = instance_.dp_group && wave_tokens_ > 0;
  router_->route_independent(of_wave ? wave_tokens_ : shape.total_len, ranks, load_);
}

void TraceEmitter::expert_rows(const BatchShape& shape, BatchTag tag, std::int64_t block) {
  const std::int64_t tokens_of_wave = instance_.dp_group ? wave_len_ : shape.total_len;
  const ExchangeSizes exchange = exchange_sizes(instance_, tokens_of_wave, wave_tokens_,
                                                settings_.expert_exchange, settings_.fidelity);
  const auto attach = [&](TraceRow& marker, CollectiveKind kind, Bytes size) {
    marker.comm = kind;
    marker.comm_size = size;
    if (kind != CollectiveKind::none) {
      marker.comm_mask = instance_.ep_mask;
    }
    if (energy_ != nullptr) {
      record_.add_comm(kind, size, std::max<std::int64_t>(instance_.ep_total, 1));
    }
  };

  route(shape);
  const MemoryLocation weights = instance_.placement.weights(block, Layer::moe);
  const auto ranks =
      std::min(static_cast<std::size_t>(std::max<std::int64_t>(instance_.local_ep, 1)),
               load_.local_tokens.size());
  Nanos slowest;
  KernelTime time;
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    TraceRow& marker = marker_row(RowKind::expert, static_cast<std::int64_t>(rank));
    if (rank == 0) {
      attach(marker, exchange.dispatch, exchange.dispatch_size);
    }
    const std::int64_t tokens = load_.local_tokens[rank];
    if (tokens <= 0) {
      continue;
    }
    time = times_.moe(tokens, std::max<std::int64_t>(load_.activated_experts[rank], 1));
    count(time.source);
    const TensorSizes sizes =
        tensor_sizes(model_, Layer::moe, tokens, 0, instance_.ep_total, instance_.fp());
    TraceRow& row = rows_->emplace_back();
    row.tag = tag;
    row.name = "expert";
    row.comp_time = time.time;
    row.weight_loc = weights;
    row.input_size = sizes.input;
    row.weight_size = sizes.weight;
    row.output_size = sizes.output;
    slowest = std::max(slowest, row.comp_time);
    if (energy_ != nullptr && row.weight_loc.tier != MemoryTier::local) {
      record_.add_dram(row.weight_size);
    }
  }
  attach(marker_row(RowKind::expert_end), exchange.combine, exchange.combine_size);
  if (energy_ != nullptr) {
    record_.add_npu(slowest);
  }
}

}  // namespace lockstep
