// Hand-made instances, requests and a one-line way to drive a scheduler.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "serving/scheduler.hpp"

namespace lockstep::testing {

/// 1-layer model whose KV takes 4 bytes a token (2 * kv_dim 1 * 2 bytes).
inline std::shared_ptr<const ModelConfig> tiny_model() {
  auto model = std::make_shared<ModelConfig>();
  model->name = "test/tiny";
  model->hidden_size = 1;
  model->num_hidden_layers = 1;
  model->num_attention_heads = 1;
  model->num_key_value_heads = 1;
  model->head_dim = 1;
  model->intermediate_size = model->moe_intermediate_size = 1;
  model->vocab_size = 1;
  model->max_position_embeddings = 131072;
  return model;
}

inline Instance tiny_instance() {
  Instance instance;
  instance.model = tiny_model();
  instance.block_size = 4;
  return instance;
}

inline constexpr std::int64_t kTokenBytes = 4;

inline KVCacheManager make_kv(const Instance& instance, std::int64_t blocks,
                              std::shared_ptr<PrefixPool> lower = nullptr,
                              const FidelityPolicy& policy = FidelityPolicy::reference()) {
  NpuKvLayout layout;
  layout.blocks = blocks;
  layout.block_size = instance.block_size;
  layout.bytes_per_block = Bytes{kTokenBytes * instance.block_size};
  return {layout, instance.enable_prefix_caching, std::move(lower),
          policy.lower_tier_hit_may_cover_all};
}

/// Owns requests and their token ids; addresses are stable.
class Requests {
public:
  /// A request of `input` + `output` tokens without ids.
  Request& add(std::int64_t input, std::int64_t output, std::int64_t arrival = 0) {
    Request& request = requests_.emplace_back();
    request.id = std::ssize(requests_) - 1;
    request.input = request.num_tokens = input;
    request.output = input + output;
    request.arrival = Nanos{arrival};
    return request;
  }
  /// The same with prompt ids first, first + 1, ...: equal `first` means an equal prompt.
  Request& add_with_ids(std::int64_t input, std::int64_t output, std::int32_t first,
                        std::int64_t arrival = 0) {
    TokenIds ids(static_cast<std::size_t>(input));
    std::iota(ids.begin(), ids.end(), first);
    return add_with_prompt(std::move(ids), output, arrival);
  }
  Request& add_with_prompt(TokenIds ids, std::int64_t output, std::int64_t arrival = 0) {
    Request& request = add(std::ssize(ids), output, arrival);
    WorkloadRequest& source = sources_.emplace_back();
    source.id = request.id;
    source.input_ids = std::move(ids);
    request.source = &source;
    return request;
  }
  [[nodiscard]] std::deque<Request>& all() { return requests_; }

private:
  std::deque<Request> requests_;
  std::deque<WorkloadRequest> sources_;
};

/// "r0 8@0, r1 1@9": request, tokens, tokens computed before.
inline std::string text(const Batch* batch) {
  if (batch == nullptr) {
    return "nothing";
  }
  std::string line;
  for (const BatchEntry& entry : batch->entries) {
    line += fmt::format("{}r{} {}@{}", line.empty() ? "" : ", ", entry.request->id, entry.tokens,
                        entry.computed_before);
  }
  return line;
}

inline std::vector<std::int64_t> counts(const std::vector<Nanos>& times) {
  std::vector<std::int64_t> out;
  for (const Nanos time : times) {
    out.push_back(time.count());
  }
  return out;
}

/// Completes a batch of a one-NPU instance.
inline Completion finish(Scheduler& scheduler, std::int64_t batch_id, std::int64_t now) {
  return scheduler.add_done(batch_id + 1, scheduler.instance().first_npu, Nanos{now});
}

/// Asks the first NPU for a batch.
inline Batch* schedule(Scheduler& scheduler, std::int64_t now) {
  return scheduler.schedule(Nanos{now}, scheduler.instance().first_npu, 0);
}

}  // namespace lockstep::testing
