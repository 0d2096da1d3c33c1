// One simulation from its description to its figures, in memory: nothing is printed or written.
#pragma once

#include <string>

#include "config/cluster.hpp"
#include "sweep/run_description.hpp"
#include "sweep/run_figures.hpp"
#include "sweep/shared_inputs.hpp"

namespace lockstep {

/// The cluster file of a description, with its changes. Throws UserError.
[[nodiscard]] JsonDocument make_cluster_document(const RunDescription& run, SharedInputs& inputs);

/// A run whose cluster document is made already.
struct RunInputs {
  const JsonDocument& cluster;
  const ParsedFlags& flags;
  const WorkloadRecipe& workload;
};
/// Throws UserError for what the run refuses. The same inputs give the same figures, whatever else
/// runs beside it.
[[nodiscard]] RunFigures simulate(const RunInputs& run, const ServiceLevel& promise,
                                  SharedInputs& inputs);
/// Throws as simulate() does before its first event: for a cluster that cannot be, and for what
/// does not fit into its memory.
void check_run(const RunInputs& run, SharedInputs& inputs);

/// Throws UserError for what the run refuses. The same description gives the same figures, whatever
/// else runs beside it.
[[nodiscard]] RunFigures simulate(const RunDescription& run, const ServiceLevel& promise,
                                  SharedInputs& inputs);

/// The result of a run that may fail.
struct Outcome {
  RunFigures figures;     ///< none when it failed
  std::string error;      ///< one line; empty when it did not fail
  bool internal = false;  ///< our own bug
};

/// As simulate(); failures become text.
[[nodiscard]] Outcome try_simulate(const JsonDocument& base, const Settings& settings,
                                   const ServiceLevel& promise, SharedInputs& inputs);

}  // namespace lockstep
