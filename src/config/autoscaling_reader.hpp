// The cluster's key "autoscaling".
#pragma once

#include "config/cluster.hpp"
#include "config/json_view.hpp"

namespace lockstep {

/// Sets `cluster.autoscaling`, if `top` has it; the instances are resolved. Defaults of what is not
/// given are those of Kubernetes' HorizontalPodAutoscaler. Throws UserError for limits that the
/// instances cannot keep, and for clusters whose instances are not alike in role: data-parallel
/// groups, prefill/decode pairs; with failures; under the reference's rules.
void read_autoscaling(const JsonView& top, const RunOptions& options, Cluster& cluster);

}  // namespace lockstep
