#include "closed_loop/served_engine.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/error.hpp"
#include "closed_loop/closed_loop.hpp"
#include "serving/kv_cache_manager.hpp"

namespace lockstep {
namespace {

/// What the scheduler wants to know of its instance.
Instance instance_of(const ServerSettings& server, const ModelDescription& model) {
  Instance instance;
  ModelConfig config;
  config.name = model.name;
  config.max_position_embeddings = model.max_context;
  instance.model = std::make_shared<const ModelConfig>(std::move(config));
  instance.max_num_seqs = server.max_num_seqs;
  instance.max_num_batched_tokens = server.max_num_batched_tokens;
  instance.block_size = server.block_size;
  instance.enable_prefix_caching = false;
  return instance;
}

NpuKvLayout layout_of(const ServerSettings& server) {
  NpuKvLayout layout;
  layout.blocks = server.kv_blocks;
  layout.block_size = server.block_size;
  layout.bytes_per_block = Bytes{1};
  return layout;
}

}  // namespace

ServedEngine::ServedEngine(const ServerSettings& server, const ModelDescription& model)
    : instance_(instance_of(server, model)),
      policy_(FidelityPolicy::for_mode(Fidelity::vllm)),
      scheduler_(instance_, policy_, KVCacheManager(layout_of(server), false, nullptr, false)) {}

void ServedEngine::take_over(Request& request) {
  arriving_.push_back(&request);
  ++unfinished_;
}

void ServedEngine::take_arrivals(Nanos cutoff) {
  while (!arriving_.empty() && arriving_.front()->arrival <= cutoff) {
    scheduler_.add_request(*arriving_.front());
    arriving_.pop_front();
  }
}

bool ServedEngine::form_step(Nanos now) {
  shape_.clear();
  sequences_ = 0;
  const Batch* batch = scheduler_.schedule(now, 0, steps_ + 1);
  if (batch == nullptr) {
    return false;
  }
  describe(*batch);
  sequences_ = std::ssize(batch->entries);
  formed_ = batch->id;
  ++steps_;
  return true;
}

void ServedEngine::describe(const Batch& batch) {
  for (const BatchEntry& entry : batch.entries) {
    const std::int64_t end = entry.computed_before + entry.tokens;
    if (entry.tokens == 1 && entry.computed_before >= entry.request->input) {
      ++shape_.decodes;
      shape_.decode_context += end;
      shape_.longest_decode = std::max(shape_.longest_decode, end);
      shape_.decode_contexts.push_back(end);
    } else {
      shape_.prompts.push_back(
          {entry.tokens, entry.computed_before, end >= entry.request->num_tokens});
    }
  }
}

std::int64_t ServedEngine::finish_step(Nanos now) {
  if (formed_ < 0) {
    return 0;
  }
  const Completion completion = scheduler_.add_done(std::exchange(formed_, -1) + 1, 0, now);
  const std::int64_t ended = std::ssize(completion.ended);
  unfinished_ -= ended;
  return ended;
}

std::optional<Nanos> ServedEngine::next_arrival() const {
  return arriving_.empty() ? std::nullopt : std::optional(arriving_.front()->arrival);
}

void ServedEngine::require_progress(Nanos now) {
  if (const auto reason = scheduler_.blocked_reason(now)) {
    throw UserError(*reason, Where{}, "give the server more memory, or send shorter requests");
  }
  ensure(scheduler_.empty(), "closed loop: requests wait although the server is idle");
}

}  // namespace lockstep
