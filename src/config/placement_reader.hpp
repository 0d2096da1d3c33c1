// Reads an instance's `placement`: where its weights and its evicted KV blocks live.
#pragma once

#include <string>
#include <vector>

#include "config/cluster.hpp"
#include "config/json_view.hpp"

namespace lockstep {

/// The placement of `instance` on `node`; the defaults when the key is absent. Rules without
/// effect are noted in `warnings`.
[[nodiscard]] Placement read_placement(const JsonView& instance, std::int32_t node,
                                       std::int64_t num_blocks, std::vector<std::string>& warnings);

/// Every place has to exist in the cluster. Throws UserError naming the first that does not.
void check_placement(const JsonView& instance, const Placement& placement, const Cluster& cluster);

}  // namespace lockstep
