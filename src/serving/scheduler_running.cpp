// The running requests' turn in a step, and who of them is preempted for memory.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/error.hpp"
#include "serving/scheduler.hpp"

namespace lockstep {
namespace {

void expect_in_flight(const Request& request) {
  if (request.num_in_flight <= 0) {
    throw InternalError(
        fmt::format("request {} runs with nothing to schedule and no batch in flight (computed {}, "
                    "tokens {}, target {})",
                    request.id, request.num_computed, request.num_tokens, request.output));
  }
}

}  // namespace

/// By its priority alone; never without the priority policy.
bool Scheduler::more_urgent(const Request& a, const Request& b) const {
  return by_priority() && a.priority < b.priority;
}

/// Order of the waiting queue.
bool Scheduler::earlier(const Request& a, const Request& b) const {
  if (by_priority() && a.priority != b.priority) {
    return a.priority < b.priority;
  }
  return a.arrival != b.arrival ? a.arrival < b.arrival : a.id < b.id;
}

std::int64_t Scheduler::cap(std::int64_t tokens) const {
  const std::int64_t threshold = instance_->long_prefill_token_threshold;
  return threshold > 0 ? std::min(tokens, threshold) : tokens;
}

/// Tokens whose KV is still to be computed, those included that steps in flight will bring. None
/// when these complete the request: its last token needs no KV.
std::int64_t Scheduler::missing_tokens(const Request& request) const {
  const std::int64_t tokens = request.num_tokens + request.num_expected;
  const std::int64_t last = instance_->pd == PdType::prefill ? request.input + 1 : request.output;
  return request.num_expected > 0 && tokens >= last ? 0 : tokens - request.num_computed;
}

/// The KV of all but its newest token exists or is in flight, and it has another token to come. On
/// a prefill instance nobody decodes.
bool Scheduler::decodes(const Request& request) const {
  const bool ends = request.num_tokens + request.num_expected >= request.output;
  return instance_->pd != PdType::prefill && !(request.num_expected > 0 && ends) &&
         request.num_computed >= request.input && missing_tokens(request) <= 1;
}

bool Scheduler::fill_step(Nanos now) {
  const StepPolicy policy = instance_->features.step_policy;
  const bool decodes_only =
      policy == StepPolicy::decode_first &&
      std::ranges::any_of(running_, [this](const Request* r) { return decodes(*r); });
  if (decodes_only) {
    return schedule_running(Turn::decodes);
  }
  bool preempted = schedule_running(policy == StepPolicy::mixed ? Turn::all : Turn::prompts);
  if (!preempted) {
    admit_waiting(now);
  }
  if (policy == StepPolicy::prefill_first && plan_.empty()) {
    preempted = schedule_running(Turn::decodes) || preempted;
  }
  return preempted;
}

bool Scheduler::schedule_running(Turn turn) {
  const std::int64_t preemptions_before = num_preemptions_;
  for (std::size_t i = 0; i < running_.size() && budget_ > 0; ++i) {
    Request& request = *running_[i];
    if (turn != Turn::all && decodes(request) != (turn == Turn::decodes)) {
      continue;
    }
    const std::int64_t missing = missing_tokens(request);
    const std::int64_t drafts = missing == 1 ? proposed_tokens(request) : 0;
    const std::int64_t count = std::min(cap(missing + drafts), budget_);
    if (count <= 0) {  // its newest token is being computed
      expect_in_flight(request);
      continue;
    }
    if (!allocate_or_preempt(request, count)) {
      break;
    }
    while (running_[i] != &request) {
      --i;  // somebody before it has gone
    }
    plan_.push_back(
        {&request, count, request.num_computed, drafts > 0 ? count - missing : std::int64_t{0}});
    budget_ -= count;
  }
  return num_preemptions_ != preemptions_before;
}

/// Behind its newest token, within the context.
std::int64_t Scheduler::proposed_tokens(const Request& request) const {
  const std::int64_t room = instance_->model->max_position_embeddings - 1 - request.num_tokens;
  return std::clamp<std::int64_t>(room, 0, request.num_drafts);
}

/// Slots for what the draft model will propose next, within the context.
std::int64_t Scheduler::lookahead(std::int64_t tokens) const {
  const std::int64_t room = instance_->model->max_position_embeddings - tokens;
  return std::clamp<std::int64_t>(room, 0, instance_->features.speculation.tokens);
}

/// Computed in several steps it would fill the whole pool, preempt itself and begin anew for ever.
bool Scheduler::outgrows_pool(const Request& request) const {
  const std::int64_t tokens = request.num_tokens + lookahead(request.num_tokens);
  return kv_.blocks_for(tokens) > kv_.npu_pool().num_blocks();
}

bool Scheduler::allocate_or_preempt(Request& request, std::int64_t count) {
  const std::int64_t tokens = request.num_computed + count;
  const std::int64_t ahead = lookahead(tokens);
  while (!kv_.allocate(request, request.num_computed, count, ahead)) {
    const std::size_t place = place_of_victim();
    const bool itself = running_[place] == &request;
    if (itself && kv_.blocks_for(tokens + ahead) > kv_.npu_pool().num_blocks()) {
      too_large_ = &request;
    }
    preempt(place);
    if (itself) {
      return false;
    }
  }
  return true;
}

/// Among the running ones: the last admitted, or under the priority policy the one of the largest
/// (priority, arrival), of equal ones the last admitted. For a decode instance a request arrives
/// when it is handed over.
std::size_t Scheduler::place_of_victim() const {
  std::size_t victim = running_.size() - 1;
  for (std::size_t i = victim; by_priority() && i-- > 0;) {
    if (arrives_later(*running_[i], *running_[victim])) {
      victim = i;
    }
  }
  return victim;
}

/// Comparing (priority, arrival).
bool Scheduler::arrives_later(const Request& a, const Request& b) const {
  if (a.priority != b.priority) {
    return a.priority > b.priority;
  }
  return instance_->pd != PdType::decode && a.arrival > b.arrival;
}

void Scheduler::preempt(std::size_t place) {
  Request& victim = *running_[place];
  running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(place));
  leave_step(victim);
  kv_.release(victim);
  victim.status = RequestStatus::preempted;
  victim.num_computed = 0;
  victim.num_drafts = 0;
  ++victim.num_preemptions;
  ++num_preemptions_;
  // Before all others, or before those of its priority that have not arrived earlier.
  const auto queue_place =
      by_priority() ? std::partition_point(
                          waiting_.begin(), waiting_.end(),
                          [&](const Request* other) { return arrives_later(victim, *other); })
                    : waiting_.begin();
  waiting_.insert(queue_place, &victim);
  if (observer_ != nullptr) {
    observer_->on_preempt(victim);
  }
}

/// The step being formed goes without it. First come, first served preempts nobody who is in it.
void Scheduler::leave_step(const Request& request) {
  if (!by_priority()) {
    return;
  }
  const auto entry = std::find_if(plan_.begin(), plan_.end(), [&](const BatchEntry& other) {
    return other.request == &request;
  });
  if (entry != plan_.end()) {
    budget_ += entry->tokens;
    plan_.erase(entry);
  }
}

}  // namespace lockstep
