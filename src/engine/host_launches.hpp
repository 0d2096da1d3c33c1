// The host's part of a step outside captured graphs: it launches kernel after kernel, and the GPU
// cannot have finished before the last one is launched. It begins when the step has been put
// together and the launches of the step before it are done, so a long step hides those of the next.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/units.hpp"
#include "config/cluster.hpp"
#include "iteration/trace.hpp"
#include "network/collective_plan.hpp"
#include "network/topology.hpp"
#include "serving/batch.hpp"

namespace lockstep {

class HostLaunches {
public:
  /// `instance` must outlive it.
  HostLaunches(const Cluster& cluster, const Instance& instance);

  /// How much longer than its compute and collectives the step that begins at `now` takes.
  [[nodiscard]] Nanos delay(const Batch& batch, const IterationTrace& trace, Nanos now);
  /// Of a described model: how long the NPU waits for the host beside its step. `own` is the
  /// engine's work around it, in which the step is hidden where steps are put together ahead.
  struct Wait {
    Nanos time;
    bool for_engine = false;  ///< longer than the step, the engine's own work decides
  };
  [[nodiscard]] Wait wait(const Batch& batch, const IterationTrace& trace, Nanos now);
  /// The least that a step of such a model takes.
  [[nodiscard]] Nanos least_step(const Batch& batch) const;
  /// As delay(), of a step that is one graph and begins when it is free: none.
  void launch_graph(const Batch& batch) { free_ = std::max(batch.batch_time, free_); }
  /// It has nothing left to launch at `now`: a step that is one graph will not wait for it.
  [[nodiscard]] bool free(Nanos now) const { return free_ <= now; }

private:
  [[nodiscard]] Nanos collective_time(const IterationTrace& trace) const;

  const Instance& instance_;
  Topology topology_;
  CollectiveSettings settings_;
  CollectiveCosts costs_;
  Nanos free_;  ///< when the host has launched everything so far
};

}  // namespace lockstep
