#include "serving/scheduler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"

namespace lockstep {
namespace {

/// Empties a completed batch but keeps its storage.
void recycle(Batch& batch) {
  Batch fresh;
  fresh.entries = std::move(batch.entries);
  fresh.fired = std::move(batch.fired);
  fresh.ended = std::move(batch.ended);
  fresh.entries.clear();
  fresh.fired.clear();
  fresh.ended.clear();
  batch = std::move(fresh);
}

std::int64_t budget_limit(const Instance& instance) {
  const std::int64_t context = instance.model->max_position_embeddings;
  return instance.max_num_batched_tokens == 0 ? context
                                              : std::min(instance.max_num_batched_tokens, context);
}

}  // namespace

Scheduler::Scheduler(const Instance& instance, const FidelityPolicy& policy, KVCacheManager kv,
                     SchedulerObserver* observer)
    : instance_(&instance),
      policy_(policy),
      kv_(std::move(kv)),
      observer_(observer),
      budget_limit_(budget_limit(instance)) {}

void Scheduler::add_request(Request& request) {
  kv_.prepare(request);
  wake();
  inbox_.push_back(&request);
  if (admission_ != nullptr) {
    queue_behind_preempted(request);
    return;
  }
  const auto place =
      std::upper_bound(waiting_.begin(), waiting_.end(), &request,
                       [this](const Request* a, const Request* b) { return earlier(*a, *b); });
  waiting_.insert(place, &request);
}

void Scheduler::add_decode(Request& request) {
  request.instance = instance_->id;
  request.status = RequestStatus::running;
  request.num_drafts = 0;
  wake();
  kv_.prepare(request);
  const auto place =
      std::upper_bound(handed_over_.begin(), handed_over_.end(), &request,
                       [this](const Request* a, const Request* b) { return more_urgent(*a, *b); });
  collect_adapters();
  if (place != handed_over_.begin() || !adapter_fits(request) || !admit_handed_over(request)) {
    handed_over_.insert(place, &request);
  }
}

bool Scheduler::admit_handed_over(Request& request) {
  const PrefixHit& hit = kv_.look_up(request, false);
  const std::int64_t reserved =
      request.num_computed + (policy_.decode_over_reserves_hits ? hit.tokens() : 0);
  if (!kv_.allocate(request, reserved, 1, hit)) {
    return false;
  }
  kv_.drain_traffic();  // its KV came with the hand-off, so nothing is fetched
  running_.push_back(&request);
  note_adapter(request);
  return true;
}

Batch* Scheduler::schedule(Nanos now, std::int32_t npu, std::int64_t iteration) {
  const bool pipeline_full = std::ssize(inflight_) >= instance_->pp;
  if (npu != instance_->first_npu || pipeline_full) {
    return join(iteration, npu);
  }
  Batch* batch = form(now);
  if (batch != nullptr) {
    batch->fired.push_back(npu);
  }
  return batch;
}

Batch* Scheduler::compose(Nanos now) {
  return std::ssize(inflight_) < instance_->max_in_flight() ? form(now) : nullptr;
}

/// Between two steps the engine takes in what has arrived.
void Scheduler::drain_inbox(Nanos now) {
  std::erase_if(inbox_, [now](Request* request) {
    if (request->arrival > now) {
      return false;
    }
    request->queued = now;
    return true;
  });
}

Batch* Scheduler::form(Nanos now) {
  if (settled_) {
    return nullptr;  // a waiting NPU asks at every event of the whole cluster
  }
  note_load();
  drain_inbox(now);
  drain_handed_over();
  plan_.clear();
  budget_ = budget_limit_;
  const bool preempted = fill_step(now);
  nobody_was_preempted_ = !preempted;
  if (!plan_.empty()) {
    return &build_batch(now);
  }
  // Otherwise time alone, or another instance that writes to a shared tier, or a caller's policy
  // may change the answer for who waits.
  const bool stays_out = waiting_.empty() || (waiting_.front()->arrival <= now &&
                                              kv_.lower() == nullptr && admission_ == nullptr);
  const bool is_empty = handed_over_.empty() || kv_.lower() == nullptr;
  settled_ = !preempted && stays_out && is_empty;
  return nullptr;
}

Batch* Scheduler::join(std::int64_t id, std::int32_t npu) {
  Batch* batch = find_inflight(id);
  if (batch == nullptr || batch->has_fired(npu)) {
    return nullptr;
  }
  batch->fired.push_back(npu);
  return batch;
}

Batch* Scheduler::find_inflight(std::int64_t id) {
  const auto found = std::find_if(inflight_.begin(), inflight_.end(),
                                  [id](const auto& batch) { return batch->id == id; });
  return found == inflight_.end() ? nullptr : found->get();
}

bool Scheduler::may_admit_more() const {
  return instance_->max_num_seqs == 0 || std::ssize(running_) < instance_->max_num_seqs;
}

void Scheduler::admit_waiting(Nanos now) {
  if (admission_ != nullptr) {
    admit_chosen(now);
    return;
  }
  collect_adapters();
  for (std::size_t i = 0; i < waiting_.size() && budget_ > 0 && may_admit_more();) {
    if (!adapter_fits(*waiting_[i])) {
      ++i;  // those behind it go on
    } else if (!admit(*waiting_[i], now)) {
      return;
    }
  }
}

/// Tokens whose KV the request brings along. A preempted one has lost it.
std::int64_t Scheduler::brought_along(const Request& request) {
  const bool has_it = request.prompt_in_place && request.num_preemptions == 0;
  return has_it ? std::max(request.input - 1, std::int64_t{0}) : 0;
}

void Scheduler::leave_queue(const Request& request) {
  if (waiting_.front() == &request) {
    waiting_.pop_front();
  } else {
    waiting_.erase(std::find(waiting_.begin(), waiting_.end(), &request));
  }
}

/// Moves a waiting request into the step. False: it cannot enter, nor can those behind it.
bool Scheduler::admit(Request& request, Nanos now) {
  if (request.arrival > now) {
    return false;
  }
  static const PrefixHit no_hit;
  const std::int64_t brought = brought_along(request);
  const PrefixHit& hit =
      brought > 0 ? no_hit : kv_.look_up(request, running_.empty() && inflight_.empty());
  request.npu_cache_hit = hit.npu_tokens;
  request.prefix_cache_hit = hit.tokens();
  const std::int64_t computed = brought + hit.tokens();
  std::int64_t count = cap(request.num_tokens - computed);
  if (!instance_->enable_chunked_prefill && count > budget_) {
    return false;
  }
  count = std::min(count, budget_);
  if (count <= 0 || (computed + count < request.num_tokens && outgrows_pool(request))) {
    return false;
  }
  if (instance_->reserve_full_isl &&
      !kv_.fits(request, std::max(request.num_tokens, computed), hit)) {
    return false;
  }
  if (!kv_.allocate(request, computed, count, hit)) {
    return false;
  }
  leave_queue(request);
  if (request.num_preemptions > 0) {
    recompute_tokens_ += std::max(request.num_tokens - computed, std::int64_t{0});
    if (observer_ != nullptr) {
      observer_->on_resume(request, computed, request.num_tokens);
    }
  }
  request.num_computed = computed;
  request.status = RequestStatus::running;
  running_.push_back(&request);
  note_adapter(request);
  if (brought == 0) {
    kv_.record_admission(request);
  }
  plan_.push_back({&request, count, computed});
  budget_ -= count;
  return true;
}

Batch& Scheduler::open_batch(Nanos now) {
  std::unique_ptr<Batch> storage;
  if (spare_.empty()) {
    storage = std::make_unique<Batch>();
  } else {
    storage = std::move(spare_.back());
    spare_.pop_back();
    recycle(*storage);
  }
  storage->id = next_batch_id_++;
  storage->instance = instance_->id;
  storage->batch_time = now;
  inflight_.push_back(std::move(storage));
  return *inflight_.back();
}

Batch& Scheduler::build_batch(Nanos now) {
  Batch& batch = open_batch(now);
  batch.kv_size = kv_.npu_used_bytes();
  for (const BatchEntry& entry : plan_) {
    add_entry(batch, entry, now);
  }
  const TierTraffic traffic = kv_.drain_traffic();
  batch.load =
      policy_.recall_counts_all_ranks ? traffic.recalled : traffic.recalled / instance_->num_npus;
  batch.write_through = traffic.written_down;
  return batch;
}

/// Whose KV leaves with this step.
std::int64_t Scheduler::tokens_to_hand_over(const BatchEntry& entry) const {
  const Request& request = *entry.request;
  const std::int64_t hit = request.prefix_cache_hit;
  if (instance_->kv_transfer == KvTransfer::whole) {
    const std::int64_t computed = entry.computed_before + entry.tokens;
    const std::int64_t left_out = policy_.handoff_leaves_out_hits ? hit : 0;
    return computed < request.num_tokens ? 0 : computed - left_out;
  }
  // Only the first step of an admission starts right behind the hit.
  const bool brings_hit = !policy_.handoff_leaves_out_hits && entry.computed_before == hit;
  return entry.tokens + (brings_hit ? hit : 0);
}

void Scheduler::add_entry(Batch& batch, const BatchEntry& entry, Nanos now) {
  Request& request = *entry.request;
  batch.entries.push_back(entry);
  batch.total_len += entry.tokens;
  batch.num_drafts += entry.drafts;
  if (entry.is_prompt()) {
    ++batch.num_prefill;
  } else {
    ++batch.num_decode;
  }
  const bool stamped = request.queuing_delay.count() >= 0;
  if (request.is_init && (policy_.queuing_delay_of_last_chunk || !stamped)) {
    request.stamp_scheduled(now);
  }
  if (instance_->pd == PdType::prefill) {
    batch.pd_kv_send_tokens += tokens_to_hand_over(entry);
  }
  request.num_computed = entry.computed_before + entry.tokens;
  ++request.num_in_flight;
  const bool brings_token = request.num_computed >= request.num_tokens + request.num_expected;
  if (instance_->terms.async_scheduling && brings_token) {
    ++request.num_expected;
  }
  if (brings_token && instance_->pd != PdType::prefill) {
    batch.draft_passes = instance_->features.speculation.tokens;
  }
}

Batch* Scheduler::open_dummy(Nanos now) {
  Batch& batch = open_batch(now);
  batch = make_dummy_batch(batch.id, batch.instance, now);
  return &batch;
}

bool Scheduler::empty() const {
  return waiting_.empty() && running_.empty() && inflight_.empty() && handed_over_.empty();
}

std::size_t Scheduler::num_waiting_arrived(Nanos now) const {
  return static_cast<std::size_t>(std::count_if(
      waiting_.begin(), waiting_.end(), [now](const Request* r) { return r->arrival <= now; }));
}

}  // namespace lockstep
