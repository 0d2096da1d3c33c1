#include "perf/operations/bundle_comparison.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "model/layer.hpp"
#include "perf/csv_file.hpp"

namespace lockstep {
namespace {

constexpr double kElement = 2;  // bytes of a 16-bit value

class Comparison {
public:
  Comparison(std::int64_t tp, const ModelConfig& model, const OperationTimes& times,
             bool one_kernel)
      : tp_(tp),
        model_(model),
        times_(times),
        one_kernel_(one_kernel),
        q_(model.q_dim() / tp),
        kv_(std::max<std::int64_t>(model.num_key_value_heads / tp, 1) * model.head_dim),
        heads_{.heads = model.num_attention_heads / tp,
               .kv_heads = std::max<std::int64_t>(model.num_key_value_heads / tp, 1),
               .head_size = model.head_dim} {}

  /// dense.csv and per_sequence.csv.
  void rows(const std::filesystem::path& file, const char* count) {
    CsvFile csv(file);
    const std::size_t name = csv.column("layer");
    const std::size_t rows = csv.column(count);
    const std::size_t time = csv.column("time_us");
    while (csv.next_row()) {
      const auto layer = layer_from_name(csv.text(name));
      if (!layer) {
        csv.refuse("a layer that is not known", "compare a bundle of the known layers");
      }
      add(std::string(csv.text(name)), micros(*layer, csv.key(rows)), csv.number(time));
    }
  }

  void attention(const std::filesystem::path& file) {
    CsvFile csv(file);
    const std::size_t chunk = csv.column("prefill_chunk");
    const std::size_t cached = csv.column("kv_prefill");
    const std::size_t decodes = csv.column("n_decode");
    const std::size_t context = csv.column("kv_decode");
    const std::size_t time = csv.column("time_us");
    while (csv.next_row()) {
      const std::int64_t tokens = csv.key(chunk);
      const std::int64_t sequences = csv.key(decodes);
      const std::int64_t keys = csv.key(context) + 1;
      const ContextAttention prompt{heads_, 1, tokens, csv.key(cached)};
      double both = tokens > 0 ? times_.context_attention(prompt).micros : 0.0;
      if (tokens > 0 && sequences > 0 && one_kernel_) {
        both += times_.decodes_beside({prompt, tokens, sequences, keys}).micros;
      } else if (sequences > 0) {
        both += times_.generation_attention({heads_, sequences, keys}).micros;
      }
      if (both > 0) {
        add(tokens == 0      ? "attention of decodes"
            : sequences == 0 ? "attention of prompts"
                             : "attention of both",
            both, csv.number(time));
      }
    }
  }

  /// The bundle's tokens reach so many experts of the rank; the operations' spread evenly.
  void experts(const std::filesystem::path& file) {
    CsvFile csv(file);
    const std::size_t tokens = csv.column("tokens");
    const std::size_t activated = csv.column("activated_experts");
    const std::size_t time = csv.column("time_us");
    while (csv.next_row()) {
      GroupedExperts shape{.tokens = csv.key(tokens),
                           .hidden = model_.hidden_size,
                           .intermediate = model_.moe_intermediate_size,
                           .experts = model_.num_experts,
                           .top_k = model_.num_experts_per_tok};
      shape.skew = ExpertSkew::balanced;
      // Only rows in which as many experts are reached as even, independent choices reach.
      const std::int64_t most = std::min(shape.experts, shape.tokens * shape.top_k);
      if (csv.key(activated) == most) {
        add("experts, all reached", times_.experts(shape).micros, csv.number(time));
      }
    }
  }

  [[nodiscard]] std::vector<LayerComparison> result() {
    std::vector<LayerComparison> list;
    std::vector<double> all;
    for (auto& [layer, errors] : errors_) {
      all.insert(all.end(), errors.begin(), errors.end());
      list.push_back({layer, error_of(std::move(errors))});
    }
    list.push_back({"all", error_of(std::move(all))});
    return list;
  }

private:
  void add(const std::string& layer, double micros, double measured) {
    errors_[layer].push_back(micros / measured - 1);
  }

  [[nodiscard]] double product(std::int64_t rows, std::int64_t from, std::int64_t to) const {
    return times_.gemm({rows, to, from, Precision::bfloat16}).micros;
  }
  [[nodiscard]] double traffic(std::int64_t values) const {
    return times_.memory({static_cast<double>(values) * kElement}).micros;
  }

  [[nodiscard]] double micros(Layer layer, std::int64_t rows) const {
    const std::int64_t hidden = model_.hidden_size;
    const std::int64_t inner = model_.intermediate_size / tp_;
    switch (layer) {
      case Layer::qkv_proj:
        return product(rows, hidden, q_ + 2 * kv_);
      case Layer::o_proj:
        return product(rows, q_, hidden);
      case Layer::gate_up_proj:
        return product(rows, hidden, 2 * inner);
      case Layer::down_proj:
        return product(rows, inner, hidden);
      case Layer::lm_head:
        return product(rows, hidden, model_.vocab_size / tp_);
      case Layer::embedding:
        return traffic(2 * rows * hidden);
      case Layer::act_fn:
        return traffic(3 * rows * inner);
      case Layer::rotary_emb:
        return traffic(2 * rows * (q_ + kv_));
      case Layer::qk_norm:  // of all heads, as the bundles have it
        return traffic(2 * rows * (model_.q_dim() + model_.kv_dim()));
      case Layer::sampler:  // logits in 16 and 32 bits, and once more to be searched
        return traffic(5 * rows * model_.vocab_size);
      default:
        return traffic(4 * rows * hidden);
    }
  }

  std::int64_t tp_;
  const ModelConfig& model_;
  const OperationTimes& times_;
  bool one_kernel_;
  std::int64_t q_, kv_;
  HeadShape heads_;
  std::map<std::string, std::vector<double>> errors_;
};

}  // namespace

std::vector<LayerComparison> compare_bundle(const std::filesystem::path& folder, std::int64_t tp,
                                            const ModelConfig& model, const OperationTimes& times,
                                            bool one_attention_kernel) {
  Comparison comparison(tp, model, times, one_attention_kernel);
  comparison.rows(folder / "dense.csv", "tokens");
  comparison.rows(folder / "per_sequence.csv", "sequences");
  comparison.attention(folder / "attention.csv");
  if (std::filesystem::exists(folder / "moe.csv")) {
    comparison.experts(folder / "moe.csv");
  }
  return comparison.result();
}

}  // namespace lockstep
