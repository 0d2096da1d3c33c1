// Reads the `network` object of a cluster file.
#pragma once

#include "config/cluster.hpp"
#include "config/json_view.hpp"

namespace lockstep {

/// Sets network_settings; the grids must have been planned. Throws UserError for a value that is
/// not known or that the cluster's grids cannot have.
void read_network_settings(Cluster& cluster, const JsonView& top);

}  // namespace lockstep
