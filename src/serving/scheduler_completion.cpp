// What happens when a batch is complete: tokens, time stamps, requests that end.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "serving/acceptance.hpp"
#include "serving/scheduler.hpp"

namespace lockstep {

Completion Scheduler::add_done(std::int64_t iteration, std::int32_t npu, Nanos now) {
  Completion completion;
  Batch* batch = find_inflight(iteration - 1);  // iteration 0 is the opening event
  if (batch == nullptr || batch->has_ended(npu)) {
    return completion;
  }
  batch->ended.push_back(npu);
  if (!batch->has_ended(instance_->first_npu) || !batch->has_ended(instance_->end_npu())) {
    return completion;
  }
  wake();
  completion.batch_done = true;
  completion.batch_id = batch->id;
  for (const BatchEntry& entry : batch->entries) {
    complete_entry(entry, now, completion);
  }
  close_batch(*batch);
  return completion;
}

void Scheduler::complete_entry(const BatchEntry& entry, Nanos now, Completion& completion) {
  Request& request = *entry.request;
  --request.num_in_flight;
  if (request.status == RequestStatus::finished) {
    return;  // ended with another batch of the pipeline
  }
  // A step of one is a decode, unless more of the prompt is to come.
  const bool chunk = entry.is_prompt() || (!policy_.one_token_chunks_uncounted &&
                                           entry.computed_before + 1 < request.input);
  const std::int64_t prompt_part = chunk ? entry.tokens : 0;
  if (instance_->pd == PdType::prefill && !request.is_init) {
    completion.prompt_tokens += prompt_part;
    complete_after_handoff(request, now, completion);
    return;
  }
  const std::int64_t own = entry.computed_before + entry.tokens - entry.drafts;
  // Preempted since: what this batch computed is gone. With asynchronous scheduling its token is
  // kept: the step reads the blocks before another one writes to them.
  const bool lost = !instance_->terms.async_scheduling &&
                    (request.status != RequestStatus::running || request.num_computed < own);
  const std::int64_t computed =
      policy_.tokens_count_when_scheduled ? request.num_computed : (lost ? 0 : own);

  const bool first = request.is_init && computed >= request.input;
  completion.prompt_tokens += first ? entry.tokens + request.prefix_cache_hit : prompt_part;
  if (first) {
    request.is_init = false;
    request.stamp_first_token(now);
    if (instance_->pd == PdType::prefill) {
      finish_prefill(request, now, completion);
      return;
    }
  }
  if (computed >= request.num_tokens) {
    bring_tokens(request, entry, completion);
    if (!first) {
      request.stamp_next_token(now);
    }
  }
  if (request.num_tokens >= request.output) {
    finish(request, now, completion);
  }
}

/// One, and those before it that a draft model proposed and the step accepts; what is beyond the
/// request's last is dropped. KV of rejected ones is written over.
void Scheduler::bring_tokens(Request& request, const BatchEntry& entry, Completion& completion) {
  const Speculation& speculation = instance_->features.speculation;
  std::int64_t accepted =
      accepted_drafts(speculation, request.id, request.num_tokens, entry.drafts);
  num_drafts_ += entry.drafts;
  num_accepted_ += accepted;
  accepted = std::clamp<std::int64_t>(request.output - request.num_tokens - 1, 0, accepted);
  request.num_computed -= entry.drafts - accepted;
  request.num_tokens += 1 + accepted;
  request.num_expected = std::max<std::int64_t>(request.num_expected - 1, 0);
  request.num_drafts = speculation.tokens;
  completion.generated_tokens += 1 + accepted;
}

/// A later chunk of a prompt that went to a decode instance with an earlier batch. It is not ours
/// any more; without prefix caching the reference still counts a token for it, but the last one,
/// which only the owner may end the request with.
void Scheduler::complete_after_handoff(Request& request, Nanos now, Completion& completion) {
  if (!policy_.tokens_count_when_scheduled || kv_.prefix_caching() ||
      request.num_computed < request.num_tokens || request.num_tokens + 1 >= request.output) {
    return;
  }
  ++request.num_tokens;
  ++completion.generated_tokens;
  request.stamp_next_token(now);
  completion.advanced_elsewhere.push_back(&request);
}

void Scheduler::finish_prefill(Request& request, Nanos now, Completion& completion) {
  ++request.num_tokens;
  request.num_expected = 0;
  if (!policy_.extra_decode_step_after_handoff) {
    ++completion.generated_tokens;
    if (request.num_tokens >= request.output) {
      finish(request, now, completion);
      return;
    }
  }
  kv_.release(request);
  request.status = RequestStatus::finished;
  forget(request);
  completion.ended.push_back(&request);
}

void Scheduler::finish(Request& request, Nanos now, Completion& completion) {
  kv_.release(request);
  request.stamp_end(now);
  request.status = RequestStatus::finished;
  request.block_hashes = {};
  forget(request);
  if (keeps_done_) {
    done_.push_back(&request);
  }
  completion.ended.push_back(&request);
  if (observer_ != nullptr) {
    observer_->on_request_done(request);
  }
}

/// Takes the request out of its queue: the running one, or the waiting one if it was preempted
/// while its last batch was in flight.
void Scheduler::forget(Request& request) {
  if (const auto found = std::find(running_.begin(), running_.end(), &request);
      found != running_.end()) {
    running_.erase(found);
  } else {
    std::erase(waiting_, &request);
  }
}

void Scheduler::withdraw(Request& request) {
  kv_.release(request);
  request.status = RequestStatus::finished;
  request.block_hashes = {};
  forget(request);
  std::erase(handed_over_, &request);
  std::erase(inbox_, &request);
  wake();
}

void Scheduler::close_batch(Batch& batch) {
  const auto found = std::find_if(inflight_.begin(), inflight_.end(),
                                  [&](const auto& other) { return other.get() == &batch; });
  spare_.push_back(std::move(*found));
  inflight_.erase(found);
}

std::optional<std::string> Scheduler::blocked_reason(Nanos now) {
  const auto pool = [this](std::int64_t tokens) {
    return fmt::format("{} tokens of KV cache ({} blocks of {}), and the whole pool has {} blocks",
                       tokens, kv_.blocks_for(tokens), kv_.layout().block_size,
                       kv_.npu_pool().num_blocks());
  };
  if (too_large_ != nullptr) {
    const std::int64_t tokens = too_large_->num_tokens;
    return fmt::format("request {} needs more than {}", too_large_->id,
                       pool(tokens + lookahead(tokens)));
  }
  if (!running_.empty() || !inflight_.empty()) {
    return std::nullopt;
  }
  if (!handed_over_.empty()) {
    const Request& head = *handed_over_.front();
    return fmt::format("request {} needs {}", head.id, pool(head.num_computed + 1));
  }
  if (waiting_.empty()) {
    return std::nullopt;
  }
  const Request& head = *waiting_.front();
  if (head.arrival > now) {
    return std::nullopt;
  }
  if (admission_ != nullptr && held_back_) {
    return fmt::format("the scheduling policy admits none of {} waiting requests", waiting_.size());
  }
  const PrefixHit& hit = kv_.look_up(head, true);
  const std::int64_t missing = head.num_tokens - std::max(hit.tokens(), brought_along(head));
  const std::int64_t count = cap(missing);
  if (count <= 0) {
    return fmt::format("request {} has nothing to compute", head.id);
  }
  if (!instance_->enable_chunked_prefill && count > budget_limit_) {
    return fmt::format(
        "request {} has {} tokens to compute, more than the {} of a step, and chunked prefill is "
        "off",
        head.id, count, budget_limit_);
  }
  if (std::min(count, budget_limit_) < missing && outgrows_pool(head)) {
    return fmt::format("request {} needs {}", head.id,
                       pool(head.num_tokens + lookahead(head.num_tokens)));
  }
  const std::int64_t total =
      instance_->reserve_full_isl ? head.num_tokens : hit.tokens() + std::min(count, budget_limit_);
  if (!kv_.fits(head, total, hit)) {
    return fmt::format("request {} needs {}", head.id, pool(total));
  }
  return std::nullopt;
}

}  // namespace lockstep
