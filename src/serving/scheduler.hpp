// vLLM V1's schedule for one instance: running requests first, then waiting ones, chunked
// prefill, preemption from the tail; or both by priority. There is no prefill or decode phase:
// every request only has computed tokens that catch up with its tokens.
//
// A batch advances a request's computed tokens when it is formed. It is complete when the first and
// the last NPU of the instance have both reported it. Up to pp_size batches are in flight, or two
// with asynchronous scheduling: then a batch counts on the tokens of the one before it.
//
// Units: tokens and ns. Not thread-safe; one per instance.
#pragma once

#include <cstdint>
#include <deque>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/cluster.hpp"
#include "config/fidelity.hpp"
#include "serving/admission_policy.hpp"
#include "serving/batch.hpp"
#include "serving/kv_cache_manager.hpp"
#include "serving/marked.hpp"
#include "serving/request.hpp"

namespace lockstep {

/// What the completion of a batch brought.
struct Completion {
  bool batch_done = false;
  std::int64_t batch_id = -1;
  std::int64_t prompt_tokens = 0;
  std::int64_t generated_tokens = 0;
  /// Batch order. On a prefill instance those with needs_handoff() go on to a decode instance.
  std::vector<Request*> ended;
  /// Requests of other instances that got a token here; their schedulers are to be woken.
  std::vector<Request*> advanced_elsewhere;
};

/// False: a request that ended has got all its tokens.
[[nodiscard]] inline bool needs_handoff(const Request& request) {
  return request.end_time.count() < 0;
}

/// Told of what happens inside; every call has an empty default.
class SchedulerObserver {
public:
  virtual ~SchedulerObserver() = default;
  virtual void on_preempt(const Request& /*request*/) {}
  /// `recovered` of `total` tokens were still cached.
  virtual void on_resume(const Request& /*request*/, std::int64_t /*recovered*/,
                         std::int64_t /*total*/) {}
  virtual void on_request_done(const Request& /*request*/) {}
};

class Scheduler {
public:
  /// `instance` and `policy` must outlive the scheduler.
  Scheduler(const Instance& instance, const FidelityPolicy& policy, KVCacheManager kv,
            SchedulerObserver* observer = nullptr);

  /// Who decides who enters, instead of first come, first served; null: nobody. It must outlive the
  /// scheduler or be taken away. Throws UserError under the priority policy.
  void decide_by(AdmissionPolicy* policy);

  /// Puts an arrived request in the waiting queue, kept by (arrival, id), or by (priority, arrival,
  /// id) under the priority policy.
  void add_request(Request& request);
  /// Takes over a request whose prompt another instance computed; it waits while the pool cannot
  /// hold it.
  void add_decode(Request& request);

  /// The batch that NPU `npu`, about to run iteration `iteration`, gets at `now`: a new one on the
  /// start NPU, else the in-flight one of that id that it has not taken yet; null: none. It was
  /// built by this call when Batch::taken_by_one(). Valid until add_done() reports it done.
  Batch* schedule(Nanos now, std::int32_t npu, std::int64_t iteration);
  /// With asynchronous scheduling: puts the next batch together for later; nobody has taken it.
  /// Null: nothing to do, or enough in flight.
  Batch* compose(Nanos now);
  /// A dummy for a wave, taken by nobody; never null. Takes a batch id and a place in flight.
  Batch* open_dummy(Nanos now);
  /// NPU `npu` reports iteration `iteration` finished at `now`.
  Completion add_done(std::int64_t iteration, std::int32_t npu, Nanos now);

  /// Right after a batch was formed: how many further steps will be like those in flight if nothing
  /// comes in: all running requests, a token each; nobody ends. In flight are as many as may be, or
  /// one that has not begun.
  [[nodiscard]] std::int64_t steps_alike(Nanos now) const;
  /// The oldest batch in flight ends at `end`, and the next one like it is formed then. At most
  /// steps_alike() times. The batches keep their ids, so that no NPU hears of it. False, and
  /// nothing changed: there may be too few free blocks.
  bool repeat_step(Nanos end);
  /// So many steps like those in flight will find enough free blocks, and the two after them.
  [[nodiscard]] std::int64_t steps_with_room() const;

  /// Its client has gone: it leaves its queue and gives its blocks back. Batches in flight still
  /// compute it.
  void withdraw(Request& request);
  /// The instance has failed: steps in flight, KV and caches are gone. Returns the requests that it
  /// had, by arrival, as others may take them: prompt and tokens so far are to be computed anew.
  /// The next batch gets the number `next_batch`.
  [[nodiscard]] std::vector<Request*> lose_all(std::int64_t next_batch);
  /// From now on nobody asks for done().
  void forget_done() { keeps_done_ = false; }
  /// Forgets which requests are done.
  void drop_done() { done_.clear(); }

  /// Something outside changed one of its requests: look again at the next schedule().
  void wake() {
    settled_ = false;
    if (wakes_ != nullptr) {
      wakes_->mark(instance_->id);
    }
    note_load();
  }
  /// Asking it again may bring a batch, although nothing has happened to it since it was asked.
  [[nodiscard]] bool is_restless() const {
    return !settled_ && std::ssize(inflight_) < instance_->max_in_flight();
  }
  /// Who hears that it may have a batch since something happened to it: marks its instance's id.
  /// Null: nobody.
  void note_wakes_in(Marked* wakes) { wakes_ = wakes; }
  /// Who hears that its queues have changed: marks `place`.
  void note_load_in(Marked* loads, std::int32_t place) {
    loads_ = loads;
    load_place_ = place;
  }

  /// The batch in flight with this id, or null.
  [[nodiscard]] Batch* find_inflight(std::int64_t id);

  /// Why the scheduler can never go on by itself (ask when schedule() formed nothing): a request
  /// needs more than the whole KV pool, or more than a step may compute. Nothing: it can.
  [[nodiscard]] std::optional<std::string> blocked_reason(Nanos now);

  [[nodiscard]] bool empty() const;             ///< nothing waits, runs or is in flight
  [[nodiscard]] bool has_no_requests() const {  ///< batches in flight are dummies
    return waiting_.empty() && running_.empty() && handed_over_.empty() && inbox_.empty();
  }
  [[nodiscard]] std::size_t num_waiting() const { return waiting_.size() + handed_over_.size(); }
  [[nodiscard]] std::size_t num_running() const { return running_.size(); }
  [[nodiscard]] std::size_t num_inflight() const { return inflight_.size(); }
  [[nodiscard]] std::size_t num_waiting_arrived(Nanos now) const;
  /// In queue order, without computed prompts that another instance handed over.
  [[nodiscard]] const std::deque<Request*>& waiting() const { return waiting_; }
  /// In admission order.
  [[nodiscard]] const std::vector<Request*>& running() const { return running_; }
  [[nodiscard]] const std::vector<Request*>& done() const {
    return done_;
  }  ///< in completion order
  [[nodiscard]] std::int64_t num_preemptions() const { return num_preemptions_; }
  [[nodiscard]] std::int64_t recompute_tokens() const { return recompute_tokens_; }
  /// Tokens of a draft model that were verified, and how many of them were accepted.
  [[nodiscard]] std::int64_t num_drafts() const { return num_drafts_; }
  [[nodiscard]] std::int64_t num_accepted() const { return num_accepted_; }
  [[nodiscard]] const KVCacheManager& kv() const { return kv_; }
  [[nodiscard]] KVCacheManager& kv() { return kv_; }
  [[nodiscard]] const Instance& instance() const { return *instance_; }

private:
  /// One request's share of the batch being formed.
  using Plan = std::vector<BatchEntry>;

  Batch* join(std::int64_t id, std::int32_t npu);
  /// Forms the next batch, taken by nobody; null: nothing to compute.
  Batch* form(Nanos now);
  void drain_inbox(Nanos now);
  [[nodiscard]] std::int64_t missing_tokens(const Request& request) const;
  /// Which of the running requests have their turn.
  enum class Turn : std::uint8_t { all, prompts, decodes };
  [[nodiscard]] bool decodes(const Request& request) const;
  /// Chooses what the step computes. True: somebody was preempted.
  bool fill_step(Nanos now);
  /// Gives running requests their next tokens, preempting others for memory. True: somebody was
  /// preempted.
  bool schedule_running(Turn turn);
  [[nodiscard]] std::int64_t proposed_tokens(const Request& request) const;
  [[nodiscard]] std::int64_t lookahead(std::int64_t tokens) const;
  [[nodiscard]] bool outgrows_pool(const Request& request) const;
  /// Blocks for `count` more tokens of a running request; false: it had to preempt itself.
  bool allocate_or_preempt(Request& request, std::int64_t count);
  bool admit_handed_over(Request& request);
  void drain_handed_over();
  void collect_adapters();
  [[nodiscard]] bool adapter_fits(const Request& request) const;
  void note_adapter(const Request& request);
  [[nodiscard]] bool by_priority() const {
    return instance_->features.queue_policy == QueuePolicy::priority;
  }
  [[nodiscard]] bool more_urgent(const Request& a, const Request& b) const;
  [[nodiscard]] bool earlier(const Request& a, const Request& b) const;
  [[nodiscard]] bool arrives_later(const Request& a, const Request& b) const;
  [[nodiscard]] std::size_t place_of_victim() const;
  void preempt(std::size_t place);
  void leave_step(const Request& request);
  void admit_waiting(Nanos now);
  void admit_chosen(Nanos now);
  bool admit(Request& request, Nanos now);
  void leave_queue(const Request& request);
  void queue_behind_preempted(Request& request);
  Batch& build_batch(Nanos now);
  [[nodiscard]] std::int64_t tokens_to_hand_over(const BatchEntry& entry) const;
  void add_entry(Batch& batch, const BatchEntry& entry, Nanos now);
  Batch& open_batch(Nanos now);
  [[nodiscard]] std::int64_t cap(std::int64_t tokens) const;
  [[nodiscard]] bool may_admit_more() const;

  void complete_entry(const BatchEntry& entry, Nanos now, Completion& completion);
  void bring_tokens(Request& request, const BatchEntry& entry, Completion& completion);
  void complete_after_handoff(Request& request, Nanos now, Completion& completion);
  void finish_prefill(Request& request, Nanos now, Completion& completion);
  void finish(Request& request, Nanos now, Completion& completion);
  void forget(Request& request);
  void close_batch(Batch& batch);

  void note_load() {
    if (loads_ != nullptr) {
      loads_->mark(load_place_);
    }
  }

  const Instance* instance_;
  [[nodiscard]] static std::int64_t brought_along(const Request& request);

  FidelityPolicy policy_;
  KVCacheManager kv_;
  SchedulerObserver* observer_;
  std::int64_t budget_limit_;  ///< tokens a step may compute

  std::vector<Request*> running_;     ///< admission order
  std::deque<Request*> waiting_;      ///< as earlier() says, except preempted ones at the front
  std::deque<Request*> handed_over_;  ///< computed prompts that the pool cannot hold yet
  std::vector<Request*> inbox_;       ///< among the waiting ones: not seen by a schedule yet
  std::vector<Request*> done_;
  std::vector<std::unique_ptr<Batch>> inflight_;  ///< oldest first
  std::vector<std::unique_ptr<Batch>> spare_;     ///< storage of completed batches, for reuse
  Plan plan_;
  std::vector<std::int32_t> adapters_;  ///< of the running requests, while others are admitted
  std::int64_t budget_ = 0;             ///< tokens left in the step being formed
  std::int64_t next_batch_id_ = 0;
  std::int64_t num_preemptions_ = 0;
  std::int64_t recompute_tokens_ = 0;
  std::int64_t num_drafts_ = 0;
  std::int64_t num_accepted_ = 0;
  bool nobody_was_preempted_ = false;  ///< when the newest batch was formed
  bool settled_ = false;  ///< asking again finds nothing until a request or a completion comes in
  Marked* wakes_ = nullptr;
  Marked* loads_ = nullptr;
  std::int32_t load_place_ = 0;
  AdmissionPolicy* admission_ = nullptr;
  bool keeps_done_ = true;
  bool held_back_ = false;              ///< the policy's last answer was to admit nobody
  const Request* too_large_ = nullptr;  ///< preempted itself although it had the whole pool
};

}  // namespace lockstep
