// Reads the state of the instances for a heartbeat.
#pragma once

#include <memory>
#include <vector>

#include "engine/run_result.hpp"
#include "engine/serving_instance.hpp"

namespace lockstep {

/// Weights and KV blocks in use or still indexed, per rank.
[[nodiscard]] Bytes npu_bytes_used(const Scheduler& scheduler);

/// Everything of a heartbeat but the interval's throughput and power.
[[nodiscard]] Heartbeat take_snapshot(
    const Cluster& cluster, const std::vector<std::unique_ptr<ServingInstance>>& instances,
    Nanos now);

}  // namespace lockstep
