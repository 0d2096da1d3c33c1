// Steps of decodes that follow each other while nothing comes in: the same requests, a token each.
#include <algorithm>
#include <limits>

#include "base/error.hpp"
#include "serving/scheduler.hpp"

namespace lockstep {
namespace {

bool of_the_same_requests(const Batch& a, const Batch& b) {
  return std::equal(a.entries.begin(), a.entries.end(), b.entries.begin(), b.entries.end(),
                    [](const BatchEntry& x, const BatchEntry& y) {
                      return x.request == y.request && x.tokens == 1 && y.tokens == 1;
                    });
}

}  // namespace

std::int64_t Scheduler::steps_alike(Nanos now) const {
  const std::int64_t depth = instance_->max_in_flight();
  const std::int64_t formed = std::ssize(inflight_);
  // Who waits has been refused just now, and will be while there is no more room. But what others
  // write meanwhile may become the prefix that it lacks.
  const bool stays_out = waiting_.empty() || (waiting_.front()->arrival <= now &&
                                              (!may_admit_more() || !kv_.prefix_caching()));
  const bool nothing_new = inbox_.empty() && handed_over_.empty() && stays_out;
  if (!nobody_was_preempted_ || !nothing_new || (formed != depth && formed != 1) ||
      instance_->pp > 1 || instance_->pd != PdType::none || kv_.lower() != nullptr ||
      admission_ != nullptr || instance_->features.speculation.on() ||
      instance_->features.lora.on()) {
    return 0;
  }
  const Batch& oldest = *inflight_.front();
  if (oldest.entries.size() != running_.size() ||
      !of_the_same_requests(oldest, *inflight_.back())) {
    return 0;
  }
  std::int64_t left = std::numeric_limits<std::int64_t>::max();
  for (const BatchEntry& entry : oldest.entries) {
    const Request& request = *entry.request;
    // One that was preempted may compute its lost tokens again in pieces of one, which bring
    // nothing.
    const bool decodes = !request.is_init && request.num_in_flight == formed &&
                         entry.computed_before + 1 == request.num_tokens;
    left = decodes ? std::min(left, request.output - request.num_tokens - depth) : 0;
    if (left <= 0) {
      return 0;
    }
  }
  return oldest.entries.empty() ? 0 : left;
}

/// In j steps a request takes a block for every block_size tokens, and one more at the most.
std::int64_t Scheduler::steps_with_room() const {
  const std::int64_t sequences = std::ssize(inflight_.front()->entries);
  const std::int64_t each = kv_.npu_pool().num_free() / std::max<std::int64_t>(sequences, 1);
  return std::max<std::int64_t>(0, (each - 1) * kv_.layout().block_size - 2);
}

bool Scheduler::repeat_step(Nanos end) {
  Batch& oldest = *inflight_.front();
  Batch& newest = *inflight_.back();
  if (kv_.npu_pool().num_free() < std::ssize(oldest.entries)) {
    return false;  // somebody may have to be preempted
  }
  for (std::size_t i = 0; i < oldest.entries.size(); ++i) {
    Request& request = *oldest.entries[i].request;
    request.stamp_next_token(end);
    ++request.num_tokens;
    ensure(kv_.allocate(request, request.num_computed, 1), "a free block could not be taken");
    ++request.num_computed;
    ++oldest.entries[i].computed_before;
    if (&newest != &oldest) {
      ++newest.entries[i].computed_before;
    }
  }
  oldest.batch_time = newest.batch_time;
  oldest.kv_size = newest.kv_size;
  newest.batch_time = end;
  newest.kv_size = kv_.npu_used_bytes();
  return true;
}

}  // namespace lockstep
