#include "engine/host_launches.hpp"

#include <algorithm>

#include "config/host_costs.hpp"
#include "iteration/trace_stretch.hpp"
#include "network/closed_form.hpp"

namespace lockstep {
namespace {

constexpr Nanos kLaunch{static_cast<std::int64_t>(kLaunchMicros * 1e3)};

/// Of the experts' layer: gate, top-k, alignment, two products, activation, weighted sum.
constexpr std::int64_t kExpertLaunches = 7;
/// Attention, and the write of keys and values before it.
constexpr std::int64_t kAttentionLaunches = 2;

std::int64_t launches_of(const TraceRow& row) {
  if (row.name == "qk_norm") {
    return 0;  // compiled into one kernel with the rotation
  }
  if (row.name == kDraftRow || row.name == kLoraLoadRow) {
    return 0;  // its time is given as a whole
  }
  std::int64_t count = row.comm != CollectiveKind::none ? 1 : 0;
  if (row.comp_time > Nanos{0}) {
    count +=
        row.name == "expert" ? kExpertLaunches : (row.name == "attention" ? kAttentionLaunches : 1);
  }
  return count;
}

NetworkDims dims_of(const Cluster& cluster, const Instance& instance) {
  for (const NetworkIsland& island : cluster.islands) {
    if (instance.first_npu >= island.first_npu &&
        instance.first_npu < island.first_npu + island.num_npus) {
      return island.dims;
    }
  }
  return cluster.network;
}

}  // namespace

HostLaunches::HostLaunches(const Cluster& cluster, const Instance& instance)
    : instance_(instance),
      topology_(Topology::from(dims_of(cluster, instance), cluster.network_settings)),
      settings_(CollectiveSettings::all({})),
      costs_{cluster.network_settings.endpoint_delay, instance.npu_mem.bandwidth} {}

namespace {

/// Experts of other ranks of the instance stand in the same trace, but each rank launches its own.
Nanos launching_time(GraphUse graph, const IterationTrace& trace) {
  if (graph == GraphUse::full) {
    return Nanos{0};
  }
  Nanos sum;
  for (const TraceSegment& segment : trace.segments) {
    bool experts_counted = false;
    for (const TraceRow& row : segment.rows) {
      if (row.launch_time >= Nanos{0}) {
        sum += row.launch_time * segment.repeat;
        continue;
      }
      const bool expert = row.name == "expert";
      const bool in_graph = graph == GraphUse::pieces && row.name != "attention";
      sum += kLaunch *
             (in_graph || (expert && experts_counted) ? 0 : launches_of(row) * segment.repeat);
      experts_counted = (experts_counted || expert) && row.kind != RowKind::expert_end;
    }
  }
  return sum;
}

Nanos of_micros(double micros) {
  return Nanos{static_cast<std::int64_t>(micros * 1e3)};
}

Nanos engine_work(const Batch& batch) {
  const HostCosts costs;
  return of_micros(costs.step +
                   costs.step_per_sequence * static_cast<double>(batch.entries.size()));
}

}  // namespace

/// As rings without contention; members that come late are not in it.
Nanos HostLaunches::collective_time(const IterationTrace& trace) const {
  Nanos sum;
  for (const TraceSegment& segment : trace.segments) {
    for (const TraceRow& row : segment.rows) {
      if (row.comm != CollectiveKind::none) {
        const Nanos time = row.comm_time > Nanos{0}
                               ? row.comm_time
                               : closed_form(topology_, {row.comm, row.comm_size, row.comm_mask},
                                             settings_, costs_)
                                     .last;
        sum += time * segment.repeat;
      }
    }
  }
  return sum;
}

Nanos HostLaunches::delay(const Batch& batch, const IterationTrace& trace, Nanos now) {
  const Nanos begin = std::max(batch.batch_time, free_);
  free_ = begin + launching_time(batch.graph, trace);
  const Nanos work = instance_.description ? npu_time(trace) : compute_time(trace);
  const Nanos exposed = free_ - now - work;
  return exposed > Nanos{0} ? std::max(Nanos{0}, exposed - collective_time(trace)) : Nanos{0};
}

Nanos HostLaunches::least_step(const Batch& batch) const {
  return instance_.terms.async_scheduling ? engine_work(batch) : Nanos{0};
}

HostLaunches::Wait HostLaunches::wait(const Batch& batch, const IterationTrace& trace, Nanos now) {
  const Nanos between = delay(batch, trace, now) + of_micros(HostCosts{}.gap);
  if (!instance_.terms.async_scheduling) {
    return {between + engine_work(batch), false};
  }
  const Nanos rest = least_step(batch) - npu_time(trace) - collective_time(trace);
  return {std::max(between, rest), rest > between};
}

}  // namespace lockstep
