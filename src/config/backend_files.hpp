// The three description files of a network simulator for one cluster, as texts: for those who want
// to run the generated graphs elsewhere. Lockstep itself does not read them.
#pragma once

#include <string>

#include "config/cluster.hpp"

namespace lockstep {

/// Dimensions and links (YAML, final newline). Throws UserError for a cluster of several islands,
/// which one such file cannot describe.
[[nodiscard]] std::string network_yml(const Cluster& cluster);
/// Scheduling and collective settings (JSON, no final newline). Queues per dimension and the choice
/// of the congestion model are not part of it: the field gives them on the command line.
[[nodiscard]] std::string system_json(const Cluster& cluster);
/// Memory levels beyond the NPU's own (JSON, no final newline).
[[nodiscard]] std::string memory_expansion_json(const Cluster& cluster);

}  // namespace lockstep
