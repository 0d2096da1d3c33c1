// A cluster from a document in memory: for whoever changes a cluster file without writing it.
#pragma once

#include "config/cluster.hpp"
#include "config/json_document.hpp"

namespace lockstep {

/// As load_cluster, from a document that was read before and perhaps changed.
[[nodiscard]] Cluster resolve_cluster(const JsonDocument& document, const RunOptions& options,
                                      const SearchPaths& paths);

}  // namespace lockstep
