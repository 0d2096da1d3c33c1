// Everything a run reads before it starts: cluster, workload, where kernel times come from.
#pragma once

#include <optional>
#include <string>

#include "config/cluster.hpp"
#include "config/run_options.hpp"
#include "perf/kernel_times.hpp"
#include "workload/streamed_workload.hpp"
#include "workload/workload.hpp"
#include "workload/workload_recipe.hpp"

namespace lockstep {

struct RunSetup {
  Cluster cluster;
  std::optional<Workload> workload;  ///< none: the built-in one, or a streamed one
  std::optional<StreamedWorkload> streamed;
  PerfSources perf;
};

/// Folders that model and PIM names are looked up in: the flag's, then configs/ in the working
/// directory, then the one that came with the program.
[[nodiscard]] SearchPaths search_paths(const RunOptions& options);

/// Texts that stand for files; empty: the files that the options name.
struct InlineInputs {
  std::optional<std::string> cluster;   ///< JSON
  std::optional<std::string> workload;  ///< JSON lines
  /// Requests are generated and not read.
  std::optional<WorkloadRecipe> recipe{};
  /// The workload is streamed where it can be.
  bool stream = false;
};

/// Reads what `options` names, or `inputs`, which messages call "cluster" and "workload". Throws
/// UserError.
[[nodiscard]] RunSetup load_run(const RunOptions& options, const InlineInputs& inputs = {});

}  // namespace lockstep
