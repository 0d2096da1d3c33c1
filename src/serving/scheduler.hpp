// vLLM V1's schedule for one instance: running requests first, then waiting ones, chunked
// prefill, preemption from the tail. There is no prefill or decode phase: every request only has
// computed tokens that catch up with its tokens.
//
// Not thread-safe; one per instance.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "config/cluster.hpp"
#include "serving/batch.hpp"
#include "serving/kv_cache_manager.hpp"
#include "serving/request.hpp"

namespace lockstep {

/// What the completion of a batch brought.
struct Completion {
  bool batch_done = false;
  std::int64_t batch_id = -1;
  std::int64_t prompt_tokens = 0;
  std::int64_t generated_tokens = 0;
  std::vector<Request*> ended;  ///< batch order; on a prefill instance: to be handed over
};

/// Told of what happens inside; every call has an empty default.
class SchedulerObserver {
public:
  virtual ~SchedulerObserver() = default;
  virtual void on_preempt(const Request& /*request*/) {}
  virtual void on_resume(const Request& /*request*/, std::int64_t /*recovered*/,
                         std::int64_t /*total*/) {}
  virtual void on_request_done(const Request& /*request*/) {}
};

class Scheduler {
public:
  /// `instance` and `policy` must outlive the scheduler.
  Scheduler(const Instance& instance, const FidelityPolicy& policy, KVCacheManager kv,
            SchedulerObserver* observer = nullptr);

  /// Puts an arrived request in the waiting queue, kept by (arrival, id).
  void add_request(Request& request);
  /// Takes over a request whose prompt another instance computed. Throws UserError when the pool
  /// cannot hold it.
  void add_decode(Request& request);

  /// The batch that NPU `npu`, about to run iteration `iteration`, gets at `now`: a new one on the
  /// start NPU, else the in-flight one of that id that it has not taken yet; null: none.
  Batch* schedule(Nanos now, std::int32_t npu, std::int64_t iteration);
  /// A dummy for a wave, taken by `npu`.
  Batch* open_dummy(Nanos now, std::int32_t npu);
  /// NPU `npu` reports iteration `iteration` finished at `now`.
  Completion add_done(std::int64_t iteration, std::int32_t npu, Nanos now);

  [[nodiscard]] bool empty() const;
  [[nodiscard]] std::size_t num_waiting() const;
  [[nodiscard]] std::size_t num_running() const;
  [[nodiscard]] std::size_t num_inflight() const;
  [[nodiscard]] std::size_t num_waiting_arrived(Nanos now) const;
  [[nodiscard]] const std::vector<Request*>& done() const;  ///< completion order
  [[nodiscard]] std::int64_t num_preemptions() const;
  [[nodiscard]] std::int64_t recompute_tokens() const;
  [[nodiscard]] const KVCacheManager& kv() const;
  [[nodiscard]] KVCacheManager& kv();
  [[nodiscard]] const Instance& instance() const;

  // The serving helper adds the private part.
};

}  // namespace lockstep
