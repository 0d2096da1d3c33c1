// Checks of a cluster as a whole: what each part allows but the parts together do not.
#pragma once

#include <vector>

#include "config/cluster.hpp"
#include "config/json_view.hpp"

namespace lockstep {

/// At least one instance, and no more NPUs than can be simulated.
void check_size(const JsonView& top, const Cluster& cluster);

/// Prefill instances need decode instances and the other way round.
void check_prefill_decode(const Cluster& cluster, const std::vector<JsonView>& instances);

/// Ranks share attention heads evenly, as the engine demands; where there are fewer KV heads than
/// ranks each is held by as many ranks as the others.
void check_head_split(const Cluster& cluster, const std::vector<JsonView>& instances);

/// Adds a warning where a resolved decode instance could not use what a prefill instance has
/// computed.
void warn_of_unlike_pairs(Cluster& cluster);

/// Policies and prefix pools that the resolved instances cannot have.
void check_consistency(const Cluster& cluster, const RunOptions& options);

}  // namespace lockstep
