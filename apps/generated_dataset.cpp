#include "generated_dataset.hpp"

#include "sweep/workload_keys.hpp"

namespace lockstep {

std::optional<WorkloadRecipe> generated_dataset(const RunOptions& options) {
  if (!options.dataset || !options.dataset->starts_with('{')) {
    return std::nullopt;
  }
  const JsonDocument document = JsonDocument::parse(*options.dataset, "--dataset");
  const JsonView view = JsonView::root(document);
  WorkloadRecipe recipe = read_workload_recipe(view);
  if (!recipe.file.empty()) {
    view.fail_at("file", "a file is no generator", "name the file itself: --dataset FILE");
  }
  return recipe;
}

}  // namespace lockstep
