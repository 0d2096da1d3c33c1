// Energy of the cluster in joules, per node and component, accumulated in doubles in the order in
// which the events are booked.
//
// Think of each node as a constant base power (everything idle, always on) plus increments that
// events add on top: E(t) = increments + base * t. The increments of a batch are booked when it is
// dispatched, whenever it ends.
#pragma once

#include <cstdint>
#include <vector>

#include "base/units.hpp"
#include "config/cluster.hpp"
#include "energy/shared_cpu.hpp"

namespace lockstep {

class PowerModel {
public:
  /// `cluster.power` must be true. The cluster must outlive the model.
  explicit PowerModel(const Cluster& cluster,
                      const FidelityPolicy& policy = FidelityPolicy::reference());

  /// What is booked from here to end_batch is of one batch that is dispatched at `now`; times of
  /// begin_batch never decrease.
  void begin_batch(const Instance& instance, Nanos now);
  void end_batch(const Instance& instance);
  /// One layer of `latency` on all tensor-parallel ranks, and the CPU work beside it.
  void npu_active(const Instance& instance, Nanos latency);
  /// At a poll of an idle instance's start NPU: `last_end` is the end of its last batch,
  /// `last_calc` the previous call (or dispatch). Books at most `standby_duration` after the end.
  void npu_standby(const Instance& instance, Nanos now, Nanos last_end, Nanos last_calc);
  void dram(const Instance& instance, double bytes);
  void link(const Instance& instance, double bytes);
  void pim_active(const Instance& instance, double latency_ns);

  /// Mean power since the previous call, W: per node rounded to 2 decimals, then summed. A call at
  /// the same time as the previous one returns 0 and is not stored.
  double interval_power(Nanos now);
  [[nodiscard]] const std::vector<double>& series() const { return series_; }

  /// Base Node, NPU, CPU, Memory, Link, NIC, Storage in J at `now`.
  struct Components {
    double base = 0, npu = 0, cpu = 0, memory = 0, link = 0, nic = 0, storage = 0;
    [[nodiscard]] double sum() const { return base + npu + cpu + memory + link + nic + storage; }
  };
  [[nodiscard]] Components components(std::int32_t node, Nanos now) const;
  [[nodiscard]] double node_energy(std::int32_t node, Nanos now) const;

  /// What events have added so far on `node`, J; differences of it are the cost of a batch.
  [[nodiscard]] const Components& increments(std::int32_t node) const;
  /// What `node` always draws, W.
  [[nodiscard]] const Components& base_power(std::int32_t node) const;

private:
  /// Energy of a batch that is still running counts as spent evenly over its layers' time.
  struct Running {
    std::size_t node;
    Nanos begin, end;
    double energy;
  };
  [[nodiscard]] double unspent(std::size_t node, Nanos now) const;
  [[nodiscard]] const PowerConfig& config(const Instance& instance) const;
  [[nodiscard]] Components& increments_of(const Instance& instance);

  const Cluster& cluster_;
  bool standby_shrinks_when_split_;
  bool cpu_load_adds_up_;
  bool batch_energy_at_dispatch_;
  std::vector<Components> base_;        ///< W, by node
  std::vector<Components> increments_;  ///< J, by node
  std::vector<SharedCpu> cpus_;         ///< by node
  std::vector<Running> running_;
  Nanos batch_begin_, batch_length_;  ///< of the batch that is being booked
  double energy_before_ = 0;          ///< the node's increments when it began
  std::vector<double> previous_energy_;
  Nanos previous_time_;
  std::vector<double> series_;
};

}  // namespace lockstep
