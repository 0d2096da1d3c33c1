#include "engine/host_launches.hpp"

#include <algorithm>

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
std::int64_t count_launches(GraphUse graph, const IterationTrace& trace) {
  if (graph == GraphUse::full) {
    return 0;
  }
  std::int64_t count = 0;
  for (const TraceSegment& segment : trace.segments) {
    bool experts_counted = false;
    for (const TraceRow& row : segment.rows) {
      const bool expert = row.name == "expert";
      const bool in_graph = graph == GraphUse::pieces && row.name != "attention";
      count += in_graph || (expert && experts_counted) ? 0 : launches_of(row) * segment.repeat;
      experts_counted = (experts_counted || expert) && row.kind != RowKind::expert_end;
    }
  }
  return count;
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
  free_ = begin + kLaunch * count_launches(batch.graph, trace);
  const Nanos exposed = free_ - now - compute_time(trace);
  return exposed > Nanos{0} ? std::max(Nanos{0}, exposed - collective_time(trace)) : Nanos{0};
}

}  // namespace lockstep
