// Everything a run reads before it starts: cluster, workload, where kernel times come from.
#pragma once

#include <optional>

#include "config/cluster.hpp"
#include "config/run_options.hpp"
#include "perf/kernel_times.hpp"
#include "workload/workload.hpp"

namespace lockstep {

struct RunSetup {
  Cluster cluster;
  std::optional<Workload> workload;  ///< none: the built-in one
  PerfSources perf;
};

/// Folders that model and PIM names are looked up in: the flag's, then configs/ in the working
/// directory, then the one that came with the program.
[[nodiscard]] SearchPaths search_paths(const RunOptions& options);

/// Reads what `options` names. Throws UserError.
[[nodiscard]] RunSetup load_run(const RunOptions& options);

}  // namespace lockstep
