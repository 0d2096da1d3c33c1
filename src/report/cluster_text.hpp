// A cluster explained in text: a drawing of its machines, what each instance is, who holds which
// experts, memory of a rank, and how many requests fit at once.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "config/cluster.hpp"
#include "serving/npu_kv_layout.hpp"

namespace lockstep {

/// `layouts` by instance; `context`: tokens of the request that concurrency is told for, 0: the
/// model's longest.
[[nodiscard]] std::string cluster_text(const Cluster& cluster, std::span<const NpuKvLayout> layouts,
                                       std::int64_t context);

/// Experts [first, last] that a rank of an instance holds; ranks in order of their position.
struct ExpertRange {
  std::int32_t npu = 0;
  std::int64_t first = 0, last = -1;
};
[[nodiscard]] std::vector<ExpertRange> experts_by_npu(const Cluster& cluster,
                                                      const Instance& instance);

}  // namespace lockstep
