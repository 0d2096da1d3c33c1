#include "engine/run_setup.hpp"

#include <algorithm>

#include "perf/data_dirs.hpp"

namespace lockstep {

namespace {

void generate(WorkloadRecipe recipe, const WorkloadReadOptions& reading, bool stream,
              RunSetup& setup) {
  std::int64_t& count = recipe.generator.num_requests;
  count = reading.max_lines > 0 ? std::min(count, reading.max_lines) : count;
  recipe.with_token_ids = recipe.with_token_ids && reading.with_token_ids;
  recipe.generator.with_token_ids = recipe.generator.with_token_ids && recipe.with_token_ids;
  if (stream) {
    setup.streamed = stream_generator(recipe.generator, recipe.rate_scale);
  } else {
    setup.workload = make_workload(recipe);
  }
}

}  // namespace

SearchPaths search_paths(const RunOptions& options) {
  SearchPaths paths;
  if (options.model_dir) {
    paths.models.emplace_back(*options.model_dir);
  }
  for (const auto& dir : data_dirs("configs/model")) {
    paths.models.push_back(dir);
  }
  if (options.pim_dir) {
    paths.pim.emplace_back(*options.pim_dir);
  }
  for (const auto& dir : data_dirs("configs/pim")) {
    paths.pim.push_back(dir);
  }
  return paths;
}

RunSetup load_run(const RunOptions& options, const InlineInputs& inputs) {
  RunSetup setup;
  const SearchPaths paths = search_paths(options);
  setup.cluster = inputs.cluster ? parse_cluster(*inputs.cluster, "cluster", options, paths)
                                 : load_cluster(options.cluster_config, options, paths);
  setup.perf = perf_sources(options);
  WorkloadReadOptions reading;
  reading.max_lines = options.num_reqs;
  reading.with_token_ids =
      std::any_of(setup.cluster.instances.begin(), setup.cluster.instances.end(),
                  [](const Instance& instance) { return instance.enable_prefix_caching; });
  if (inputs.recipe) {
    generate(*inputs.recipe, reading, inputs.stream, setup);
  } else if (inputs.workload) {
    setup.workload = read_workload_text(*inputs.workload, "workload", reading);
  } else if (options.dataset) {
    setup.streamed = inputs.stream ? stream_workload(*options.dataset, reading) : std::nullopt;
    if (!setup.streamed) {
      setup.workload = read_workload(*options.dataset, reading);
    }
  }
  return setup;
}

}  // namespace lockstep
