// Data-parallel groups: which instances form one, and how experts are shared out inside it.
#pragma once

#include <string>
#include <vector>

#include "config/cluster.hpp"
#include "config/json_view.hpp"

namespace lockstep {

/// Forms the groups from the instances' `dp_group` (views in instance order), checks that members
/// agree and are neighbours, and sets dp_group, local_ep and ep_total of every instance.
void form_dp_groups(Cluster& cluster, const std::vector<JsonView>& views,
                    const FidelityPolicy& policy);

}  // namespace lockstep
