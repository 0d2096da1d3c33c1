// Sums the instances up at the end of a run.
#pragma once

#include <memory>
#include <vector>

#include "config/run_options.hpp"
#include "energy/power_model.hpp"
#include "engine/run_result.hpp"
#include "engine/serving_instance.hpp"

namespace lockstep {

/// Finished requests, preemptions, prefix totals, look-up counts; then empties the caches and
/// notes what was not given back.
void collect_instances(std::vector<std::unique_ptr<ServingInstance>>& instances,
                       const RunOptions& options, RunResult& result);

/// Energy at result.total_clocks; nothing when `power` is null.
void collect_energy(const Cluster& cluster, const PowerModel* power, RunResult& result);

}  // namespace lockstep
