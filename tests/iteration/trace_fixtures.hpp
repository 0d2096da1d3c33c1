// A small model, instances of it and kernel times by formula, so that golden rows can be worked out
// by hand.
#pragma once

#include <deque>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "config/cluster.hpp"
#include "iteration/trace.hpp"
#include "iteration/trace_builder.hpp"
#include "perf/kernel_times.hpp"

namespace lockstep::testing {

/// dense: 100 a layer number plus tokens; per sequence: 10000 plus sequences; attention:
/// 1000 + prefill_chunk + kv_prefill + 10 n_decode + mean; moe: 5000 + 10 tokens + experts.
class FormulaTimes : public KernelTimes {
public:
  std::vector<Layer> absent;
  mutable std::vector<AttentionShape> asked;

  [[nodiscard]] bool has(Layer layer) const override {
    for (const Layer missing : absent) {
      if (missing == layer) {
        return false;
      }
    }
    return true;
  }
  [[nodiscard]] KernelTime dense(Layer layer, std::int64_t tokens) const override {
    return {Nanos{100 * static_cast<std::int64_t>(layer) + tokens}, TimeSource::exact};
  }
  [[nodiscard]] KernelTime per_sequence(Layer, std::int64_t sequences) const override {
    return {Nanos{10'000 + sequences}, TimeSource::interpolated};
  }
  [[nodiscard]] KernelTime attention(const AttentionShape& s) const override {
    asked.push_back(s);
    return {Nanos{1000 + s.prefill_chunk + s.kv_prefill + 10 * s.n_decode + s.kv_decode_mean},
            TimeSource::extrapolated};
  }
  [[nodiscard]] KernelTime moe(std::int64_t tokens, std::int64_t experts) const override {
    return {Nanos{5000 + 10 * tokens + experts}, TimeSource::analytic};
  }
  [[nodiscard]] std::string description() const override { return "formula"; }
};

inline ModelConfig small_model() {
  ModelConfig model;
  model.name = "test/small";
  model.model_type = "llama";
  model.hidden_size = 64;
  model.num_hidden_layers = 3;
  model.num_attention_heads = 4;
  model.num_key_value_heads = 2;
  model.head_dim = 16;
  model.intermediate_size = 128;
  model.moe_intermediate_size = 128;
  model.vocab_size = 1000;
  model.max_position_embeddings = 4096;
  return model;
}

inline ModelConfig small_moe_model() {
  ModelConfig model = small_model();
  model.name = "test/small-moe";
  model.model_type = "qwen3_moe";
  model.has_expert_key = true;
  model.num_experts = 8;
  model.num_experts_per_tok = 2;
  model.moe_intermediate_size = 32;
  return model;
}

/// One instance, its cluster, its builder, and the requests of its batches.
class TraceWorld {
public:
  explicit TraceWorld(ModelConfig model) : times(std::make_shared<FormulaTimes>()) {
    cluster.nodes.resize(1);
    instance.model = std::make_shared<const ModelConfig>(std::move(model));
    instance.hardware = "TestChip";
  }

  Instance instance;
  Cluster cluster;
  TraceSettings settings;
  std::shared_ptr<FormulaTimes> times;
  LookupCounts lookups;
  std::vector<std::string> warnings;

  /// Requests of (tokens, computed before); those still in their prompt count as initial.
  Batch batch(const std::vector<std::pair<std::int64_t, std::int64_t>>& shares) {
    Batch result;
    for (const auto& [tokens, before] : shares) {
      Request& request = requests_.emplace_back();
      request.id = static_cast<std::int64_t>(requests_.size());
      request.arrival = Nanos{request.id};
      request.input = tokens > 1 ? tokens + before : before;
      request.is_init = tokens > 1;
      result.entries.push_back({&request, tokens, before});
      result.total_len += tokens;
      ++(tokens > 1 ? result.num_prefill : result.num_decode);
    }
    return result;
  }

  IterationTrace build(const Batch& batch, EnergySink* energy = nullptr) {
    TraceBuilder builder(cluster, instance, times, settings);
    IterationTrace trace;
    builder.build(batch, batch.total_len, trace, energy);
    lookups = builder.lookups();
    warnings = builder.warnings();
    return trace;
  }

  /// Lines of the text form with single blanks.
  std::vector<std::string> lines(const Batch& batch) { return squeeze(to_text(build(batch))); }

  static std::vector<std::string> squeeze(const std::string& text) {
    std::vector<std::string> result;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
      std::istringstream words(line);
      std::string joined;
      for (std::string word; words >> word;) {
        joined += joined.empty() ? word : ' ' + word;
      }
      result.push_back(joined);
    }
    return result;
  }

private:
  std::deque<Request> requests_;  // entries point into it
};

/// Writes down what is booked.
class EnergyLog : public EnergySink {
public:
  std::vector<std::string> entries;
  void npu_active(Nanos latency) override { add("npu", static_cast<double>(latency.count())); }
  void dram(double bytes) override { add("dram", bytes); }
  void link(double bytes) override { add("link", bytes); }
  void pim_active(double latency_ns) override { add("pim", latency_ns); }

private:
  void add(const std::string& what, double amount) {
    std::ostringstream text;
    text << what << ' ' << amount;
    entries.push_back(text.str());
  }
};

}  // namespace lockstep::testing
