#include "model/footprint.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace lockstep {
namespace {

/// Gate on every rank, experts split by expert parallelism only.
std::int64_t moe_weight(const ModelConfig& m, std::int64_t ep, std::int64_t fp) {
  const std::int64_t experts = m.has_expert_key ? m.num_experts : 1;
  return m.hidden_size * experts * fp +
         (experts / ep) * 3 * m.hidden_size * m.moe_intermediate_size * fp;
}

}  // namespace

WeightsByKind weights_by_kind(const ModelConfig& m, std::int64_t tp, std::int64_t pp,
                              std::int64_t ep, std::int64_t fp) {
  const std::int64_t e = m.hidden_size;
  const std::int64_t layers = m.num_hidden_layers / pp;
  const std::int64_t norm = e * fp;
  const std::int64_t qkv = e * ((m.q_dim() + 2 * m.kv_dim()) / tp) * fp;
  const std::int64_t o = (m.q_dim() / tp) * e * fp;
  const std::int64_t f = m.intermediate_size / tp;
  const std::int64_t mlp = m.has_expert_key ? moe_weight(m, ep, fp) : e * 2 * f * fp + f * e * fp;
  const std::int64_t embedding = (m.vocab_size / tp) * e * fp;
  return {.embedding = Bytes{embedding},
          .attention = Bytes{(qkv + o) * layers},
          .feed_forward = Bytes{mlp * layers},
          .norms = Bytes{2 * norm * layers + norm},
          .head = Bytes{embedding}};
}

Bytes weight_bytes_per_rank(const ModelConfig& m, std::int64_t tp, std::int64_t pp, std::int64_t ep,
                            std::int64_t fp) {
  return weights_by_kind(m, tp, pp, ep, fp).total();
}

ModelConfig with_replicated_kv_heads(const ModelConfig& model, std::int64_t tp) {
  ModelConfig copy = model;
  copy.num_key_value_heads = std::max(model.num_key_value_heads, tp);
  return copy;
}

Bytes kv_bytes_per_rank(const ModelConfig& m, std::int64_t tokens, std::int64_t num_npus,
                        std::int64_t kv_fp) {
  return Bytes{2 * m.kv_dim() * tokens * m.num_hidden_layers * kv_fp / num_npus};
}

TensorSizes tensor_sizes(const ModelConfig& m, Layer layer, std::int64_t n, std::int64_t kv_len,
                         std::int64_t parallel, std::int64_t fp, std::int64_t kv_fp) {
  const std::int64_t p = std::max<std::int64_t>(parallel, 1);
  const std::int64_t e = m.hidden_size;
  const std::int64_t hidden = n * e * fp;
  const auto sizes = [](std::int64_t input, std::int64_t weight, std::int64_t output) {
    return TensorSizes{Bytes{input}, Bytes{weight}, Bytes{output}};
  };
  switch (layer) {
    case Layer::embedding:  // token ids are counted with two elements each
      return sizes(n * fp * 2, (m.vocab_size / p) * e * fp, hidden);
    case Layer::layernorm:
    case Layer::input_layernorm:
    case Layer::post_layernorm:
    case Layer::final_layernorm:
      return sizes(hidden, e * fp, hidden);
    case Layer::qkv_proj: {
      const std::int64_t columns = (m.q_dim() + 2 * m.kv_dim()) / p;
      return sizes(hidden, e * columns * fp, n * columns * fp);
    }
    case Layer::qk_norm: {
      const std::int64_t heads = n * (m.q_dim() + m.kv_dim()) / p * fp;
      return sizes(heads, 2 * m.head_dim * fp, heads);
    }
    case Layer::rotary_emb: {
      const std::int64_t heads =
          ((m.num_attention_heads / p) + (m.num_key_value_heads / p)) * n * m.head_dim * fp;
      return sizes(heads, 0, heads);
    }
    case Layer::attention: {
      const std::int64_t query = (m.num_attention_heads / p) * n * m.head_dim * fp;
      const std::int64_t value = kv_fp > 0 ? kv_fp : fp;
      const std::int64_t kv = (m.num_key_value_heads / p) * kv_len * m.head_dim * value * 2;
      return sizes(query + kv, 0, query);
    }
    case Layer::o_proj: {
      const std::int64_t rows = m.q_dim() / p;
      return sizes(n * rows * fp, rows * e * fp, hidden);
    }
    case Layer::gate_up_proj: {
      const std::int64_t columns = 2 * (m.intermediate_size / p);
      return sizes(hidden, e * columns * fp, n * columns * fp);
    }
    case Layer::act_fn: {
      const std::int64_t columns = m.intermediate_size / p;
      return sizes(n * 2 * columns * fp, 0, n * columns * fp);
    }
    case Layer::down_proj: {
      const std::int64_t rows = m.intermediate_size / p;
      return sizes(n * rows * fp, rows * e * fp, hidden);
    }
    case Layer::moe:
      return sizes(hidden, moe_weight(m, p, fp), hidden);
    case Layer::lm_head: {
      const std::int64_t vocab = m.vocab_size / p;
      return sizes(hidden, e * vocab * fp, n * vocab * fp);
    }
    case Layer::sampler:
      return sizes(n * (m.vocab_size / p) * fp, 0, n * 4);
  }
  throw InternalError("tensor_sizes: layer out of range");
}

TensorSizes pim_attention_sizes(const ModelConfig& m, std::int64_t parallel, std::int64_t fp,
                                std::int64_t kv_fp) {
  const std::int64_t p = std::max<std::int64_t>(parallel, 1);
  const std::int64_t query = (m.num_attention_heads / p) * m.head_dim * fp;
  const std::int64_t value = kv_fp > 0 ? kv_fp : fp;
  const std::int64_t kv = (m.num_key_value_heads / p) * m.head_dim * value * 2;
  return {Bytes{query + kv}, Bytes{0}, Bytes{query}};
}

}  // namespace lockstep
