// What a workload must be for a cluster before a run begins.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/cluster.hpp"
#include "config/run_options.hpp"
#include "serving/npu_kv_layout.hpp"
#include "workload/streamed_workload.hpp"
#include "workload/workload.hpp"

namespace lockstep {

/// Throws UserError for a request that no instance can hold and for times beyond the clock.
/// `capacity` by instance.
void check_requests(const Workload& workload, const Cluster& cluster,
                    const std::vector<NpuKvLayout>& capacity, const RunOptions& options);

/// The same; the first of them by id.
void check_requests(const StreamedWorkload& workload, const Cluster& cluster,
                    const std::vector<NpuKvLayout>& capacity, const RunOptions& options);

/// A warning, if nothing happens before very long: arrivals may be times since 1970.
[[nodiscard]] std::optional<std::string> late_beginning(const Workload& workload,
                                                        const RunOptions& options);
/// The same, if `first` is when the first request arrives.
[[nodiscard]] std::optional<std::string> late_beginning(Nanos first, const RunOptions& options);

}  // namespace lockstep
