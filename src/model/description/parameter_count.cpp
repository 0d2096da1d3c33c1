#include "model/description/parameter_count.hpp"

#include <algorithm>
#include <array>

namespace lockstep {
namespace {

constexpr std::int64_t up(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

class Counter {
public:
  Counter(std::int64_t hidden, WeightFormat base, const ParallelSplit& split)
      : hidden_(hidden), base_(base), split_(split) {}

  void add(WeightKind kind, WeightFormat format, std::int64_t count, std::int64_t touched) {
    const auto same = std::find_if(
        result_.parts.begin(), result_.parts.end(),
        [&](const WeightCount& part) { return part.kind == kind && part.format == format; });
    if (same == result_.parts.end()) {
      result_.parts.push_back({kind, format, count, touched});
    } else {
      same->count += count;
      same->touched += touched;
    }
  }
  void add(WeightKind kind, WeightFormat format, std::int64_t count) {
    add(kind, format, count, count);
  }

  void add_layer(const LayerKind& kind, std::int64_t count) {
    times_ = count;
    formats_ = kind.formats;
    add(WeightKind::norms, base_, times_ * kind.norms * hidden_);
    std::visit(*this, kind.mixer);
    std::visit(*this, kind.feed_forward);
  }

  void operator()(std::monostate /*none*/) {}

  void operator()(const HeadAttention& a) {
    const std::int64_t tp = split_.tp;
    const std::int64_t q = up(a.heads, tp) * a.head_dim;
    const std::int64_t kv = up(a.kv_heads, tp) * a.head_dim;
    const std::int64_t kv_matrices = a.key_is_value ? 1 : 2;
    const std::int64_t in = (a.output_gate ? 2 : 1) * q + kv_matrices * kv;
    attention(in * hidden_ + (a.qkv_bias ? in : 0) + (a.sinks ? up(a.heads, tp) : 0),
              q * hidden_ + (a.output_bias ? hidden_ : 0));
    if (a.qk_norm) {
      add(WeightKind::norms, base_, times_ * 2 * a.head_dim);
    }
  }

  void operator()(const LatentMixer& a) {
    const std::int64_t heads = up(a.heads, split_.tp);
    const std::int64_t q = heads * (a.nope_dim + a.rope_dim);
    const std::int64_t query =
        a.query_rank > 0 ? hidden_ * a.query_rank + a.query_rank * q : hidden_ * q;
    const std::int64_t kv =
        hidden_ * a.cache_dim() + a.kv_rank * heads * (a.nope_dim + a.value_dim);
    // The index: its queries from the compressed query, one key and one weight a head.
    const std::int64_t index = a.index_heads > 0 ? (a.query_rank > 0 ? a.query_rank : hidden_) *
                                                           a.index_heads * a.index_dim +
                                                       hidden_ * (a.index_dim + a.index_heads)
                                                 : 0;
    attention(query + kv + index, heads * a.value_dim * hidden_);
    add(WeightKind::norms, base_, times_ * (a.query_rank + a.kv_rank + 2 * a.index_dim));
  }

  void operator()(const DeltaNetMixer& a) {
    const std::int64_t tp = split_.tp;
    const std::int64_t keys = up(a.key_heads, tp) * a.key_head_dim;
    const std::int64_t values = up(a.value_heads, tp) * a.value_head_dim;
    const std::int64_t conv = (2 * keys + values) * a.conv_width;
    attention(hidden_ * (2 * keys + 2 * values + 2 * up(a.value_heads, tp)), values * hidden_);
    add(WeightKind::attention, base_,
        times_ * (conv + 2 * up(a.value_heads, tp) + a.value_head_dim));
  }

  void operator()(const MambaMixer& a) {
    const std::int64_t tp = split_.tp;
    const std::int64_t inner = up(a.heads, tp) * a.head_dim;
    const std::int64_t states = 2 * up(a.groups, tp) * a.state_dim;
    attention(hidden_ * (2 * inner + states + up(a.heads, tp)), inner * hidden_);
    add(WeightKind::attention, base_,
        times_ * ((inner + states) * (a.conv_width + 1) + 3 * up(a.heads, tp) + inner));
  }

  void operator()(const DenseMlp& mlp) {
    const std::int64_t width = up(mlp.width, split_.tp);
    const std::int64_t in = mlp.gated ? 2 : 1;
    const std::int64_t bias = mlp.bias ? in * width + hidden_ : 0;
    add(WeightKind::mlp, formats_.mlp, times_ * ((in + 1) * hidden_ * width + bias));
  }

  void operator()(const ExpertMlp& mlp) {
    const std::int64_t in = mlp.gated ? 2 : 1;
    const std::int64_t width = up(mlp.width, split_.moe_tp);
    const std::int64_t one = (in + 1) * hidden_ * width + (mlp.bias ? in * width + hidden_ : 0);
    add(WeightKind::experts, formats_.experts, times_ * up(mlp.experts, split_.moe_ep) * one,
        times_ * std::min(mlp.top_k, up(mlp.experts, split_.moe_ep)) * one);
    add(WeightKind::router, base_, times_ * (hidden_ * mlp.experts + (mlp.bias ? mlp.experts : 0)));
    if (mlp.shared_width > 0) {
      add(WeightKind::shared_experts, formats_.shared,
          times_ * (in + 1) * hidden_ * up(mlp.shared_width, split_.tp));
      if (mlp.shared_gate) {
        add(WeightKind::router, base_, times_ * hidden_);
      }
    }
  }

  [[nodiscard]] ParameterCount take() {
    std::stable_sort(result_.parts.begin(), result_.parts.end(),
                     [](const WeightCount& a, const WeightCount& b) { return a.kind < b.kind; });
    return std::move(result_);
  }

private:
  void attention(std::int64_t in, std::int64_t out) {
    add(WeightKind::attention, formats_.attention_in, times_ * in);
    add(WeightKind::attention, formats_.attention_out, times_ * out);
  }

  std::int64_t hidden_;
  WeightFormat base_;
  ParallelSplit split_;
  std::int64_t times_ = 0;
  LayerFormats formats_;
  ParameterCount result_;
};

}  // namespace

std::string_view weight_kind_name(WeightKind kind) {
  static constexpr std::array<std::string_view, kWeightKindCount> kNames = {
      "embedding", "head", "attention", "mlp", "experts", "shared experts", "router", "norms"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::int64_t ParameterCount::total() const {
  std::int64_t sum = 0;
  for (const WeightCount& part : parts) {
    sum += part.count;
  }
  return sum;
}

std::int64_t ParameterCount::active() const {
  std::int64_t sum = 0;
  for (const WeightCount& part : parts) {
    sum += part.touched;
  }
  return sum;
}

Bytes ParameterCount::bytes() const {
  Bytes sum{0};
  for (const WeightCount& part : parts) {
    sum += part.bytes();
  }
  return sum;
}

ParameterCount count_rank_parameters(const ModelDescription& model, const ParallelSplit& split) {
  Counter counter(model.hidden, model.base, split);
  const std::int64_t table = up(model.vocab, split.tp) * model.hidden;
  counter.add(WeightKind::embedding, model.base, table);
  if (!model.tied_head) {
    counter.add(WeightKind::head, model.base, table);
  }
  for (const LayerGroup& group : model.layers) {
    counter.add_layer(group.kind, up(group.count, split.pp));
  }
  counter.add(WeightKind::norms, model.base, model.hidden);
  return counter.take();
}

ParameterCount count_parameters(const ModelDescription& model) {
  return count_rank_parameters(model, ParallelSplit{});
}

std::int64_t count_prediction_parameters(const ModelDescription& model) {
  if (model.prediction_layers == 0) {
    return 0;
  }
  Counter counter(model.hidden, model.base, ParallelSplit{});
  counter.add_layer(model.prediction_kind, model.prediction_layers);
  // Hidden state and embedding side by side come in through one projection, each behind a norm.
  const std::int64_t own =
      model.prediction_layers * (2 * model.hidden * model.hidden + 2 * model.hidden);
  return counter.take().total() + own;
}

}  // namespace lockstep
