// An instance that loses all it has.
#include <algorithm>
#include <utility>

#include "serving/scheduler.hpp"

namespace lockstep {
namespace {

/// As the router sends it anew: its prompt and the tokens that its client has got, without KV.
void start_over(Request& request) {
  request.prompt_in_place = request.prompt_in_place && request.num_computed == 0;
  request.status = RequestStatus::waiting;
  request.num_computed = request.num_expected = request.num_drafts = 0;
  request.npu_cache_hit = request.prefix_cache_hit = 0;
  request.queued = Nanos{-1};
  request.hashed = false;  // another instance may have other blocks
  request.block_hashes = {};
}

}  // namespace

std::vector<Request*> Scheduler::lose_all(std::int64_t next_batch) {
  std::vector<Request*> lost = std::move(running_);
  lost.insert(lost.end(), waiting_.begin(), waiting_.end());
  lost.insert(lost.end(), handed_over_.begin(), handed_over_.end());
  std::ranges::sort(lost, [](const Request* a, const Request* b) {
    return std::pair(a->arrival, a->id) < std::pair(b->arrival, b->id);
  });
  for (auto& batch : inflight_) {
    for (const BatchEntry& entry : batch->entries) {
      entry.request->num_in_flight = 0;
    }
    spare_.push_back(std::move(batch));
  }
  for (Request* request : lost) {
    kv_.release(*request);
    start_over(*request);
  }
  kv_.lose_contents();
  running_.clear();
  waiting_.clear();
  handed_over_.clear();
  inbox_.clear();
  inflight_.clear();
  next_batch_id_ = next_batch;
  settled_ = held_back_ = false;
  too_large_ = nullptr;
  note_load();
  return lost;
}

}  // namespace lockstep
