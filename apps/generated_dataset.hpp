// `--dataset '{"arrivals": ..., ...}'`: requests made by a generator while the run goes on, without
// a file. The keys are those of a generated workload in a spec file (sweep/workload_keys).
#pragma once

#include <optional>

#include "config/run_options.hpp"
#include "workload/workload_recipe.hpp"

namespace lockstep {

/// Nothing: the dataset is a file, or there is none. Throws UserError for unknown keys and values
/// out of range.
[[nodiscard]] std::optional<WorkloadRecipe> generated_dataset(const RunOptions& options);

}  // namespace lockstep
