// Makes the rows of a batch: layer times from the kernel-time source, sizes from the model,
// collectives from the parallel plan.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "config/cluster.hpp"
#include "iteration/trace.hpp"
#include "perf/kernel_times.hpp"
#include "serving/batch.hpp"

namespace lockstep {

/// Energy-relevant amounts of a batch, in the order in which they are booked (power room's rules).
class EnergySink {
public:
  virtual ~EnergySink() = default;
  virtual void npu_active(Nanos latency) = 0;  ///< of all tp NPUs of the instance
  virtual void dram(double bytes) = 0;
  virtual void link(double bytes) = 0;
  virtual void pim_active(double latency_ns) = 0;
};

struct TraceSettings {
  ExpertRoutingPolicy expert_routing = ExpertRoutingPolicy::balanced;
  ExpertExchange expert_exchange = ExpertExchange::all_gather_reduce_scatter;
};

/// One per instance. Not thread-safe.
class TraceBuilder {
public:
  TraceBuilder(const Cluster& cluster, const Instance& instance,
               std::shared_ptr<const KernelTimes> times, TraceSettings settings);

  /// `wave_len`: the group's common length for a DP member, else the batch's own total_len.
  /// Fills `out` in place so that its buffers are reused. `energy` may be null.
  void build(const Batch& batch, std::int64_t wave_len, IterationTrace& out, EnergySink* energy);

  [[nodiscard]] const LookupCounts& lookups() const { return lookups_; }
  /// Layers left out for lack of data, once each.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

private:
  const Cluster& cluster_;
  const Instance& instance_;
  std::shared_ptr<const KernelTimes> times_;
  TraceSettings settings_;
  LookupCounts lookups_;
  std::vector<std::string> warnings_;
};

/// Sizes of the expert exchange of a wave of `wave_len` tokens.
struct ExchangeSizes {
  CollectiveKind dispatch = CollectiveKind::none;
  CollectiveKind combine = CollectiveKind::none;
  Bytes dispatch_size, combine_size;
};
[[nodiscard]] ExchangeSizes exchange_sizes(const Instance& instance, std::int64_t wave_len,
                                           ExpertExchange form);

}  // namespace lockstep
