// One engine of a server: the scheduler and the KV cache, and requests that it has not looked at
// yet.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "config/cluster.hpp"
#include "config/fidelity.hpp"
#include "serving/scheduler.hpp"
#include "steps/step_batch.hpp"

namespace lockstep {

struct ServerSettings;

class ServedEngine {
public:
  ServedEngine(const ServerSettings& server, const ModelDescription& model);

  /// `request` gets here at its arrival, behind those before it. It must outlive the engine.
  void take_over(Request& request);
  /// Requests that have arrived by `cutoff` enter the scheduler.
  void take_arrivals(Nanos cutoff);
  /// False: nothing to compute.
  bool form_step(Nanos now);
  /// Of the step that was formed; of no tokens when there was none.
  [[nodiscard]] const StepBatch& shape() const { return shape_; }
  [[nodiscard]] std::int64_t sequences() const { return sequences_; }
  /// The step, if there was one, ends: how many requests ended with it.
  std::int64_t finish_step(Nanos now);

  [[nodiscard]] std::optional<Nanos> next_arrival() const;
  /// Taken over and not ended.
  [[nodiscard]] std::int64_t unfinished() const { return unfinished_; }
  [[nodiscard]] std::int64_t preemptions() const { return scheduler_.num_preemptions(); }
  /// Throws UserError when its requests can never run. Ask when it formed nothing and nothing is to
  /// come.
  void require_progress(Nanos now);

private:
  void describe(const Batch& batch);

  Instance instance_;
  FidelityPolicy policy_;
  Scheduler scheduler_;
  std::deque<Request*> arriving_;  ///< by arrival
  StepBatch shape_;
  std::int64_t sequences_ = 0;
  std::int64_t steps_ = 0;
  std::int64_t formed_ = -1;  ///< the batch that runs; -1: none
  std::int64_t unfinished_ = 0;
};

}  // namespace lockstep
