// Energy of the cluster in joules, per node and component, accumulated in doubles in the order in
// which the events are booked.
#pragma once

#include <cstdint>
#include <vector>

#include "base/units.hpp"
#include "config/cluster.hpp"

namespace lockstep {

class PowerModel {
public:
  /// `cluster.power` must be true.
  explicit PowerModel(const Cluster& cluster);

  void npu_active(const Instance& instance, Nanos latency);
  /// At a poll of an idle instance's start NPU.
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
  };
  [[nodiscard]] Components components(std::int32_t node, Nanos now) const;
  [[nodiscard]] double node_energy(std::int32_t node, Nanos now) const;

private:
  const Cluster& cluster_;
  std::vector<Components> increments_;
  std::vector<double> previous_energy_;
  Nanos previous_time_;
  std::vector<double> series_;
};

}  // namespace lockstep
