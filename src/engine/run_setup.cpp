#include "engine/run_setup.hpp"

#include <algorithm>

#include "perf/data_dirs.hpp"

namespace lockstep {

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
  if (inputs.workload || options.dataset) {
    WorkloadReadOptions reading;
    reading.max_lines = options.num_reqs;
    reading.with_token_ids =
        std::any_of(setup.cluster.instances.begin(), setup.cluster.instances.end(),
                    [](const Instance& instance) { return instance.enable_prefix_caching; });
    setup.workload = inputs.workload ? read_workload_text(*inputs.workload, "workload", reading)
                                     : read_workload(*options.dataset, reading);
  }
  return setup;
}

}  // namespace lockstep
