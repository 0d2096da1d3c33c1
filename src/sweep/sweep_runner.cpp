#include "sweep/sweep_runner.hpp"

#include <tbb/info.h>

#include <utility>

#include "sweep/described_run.hpp"
#include "sweep/parallel.hpp"

namespace lockstep {

int default_workers() {
  return tbb::info::default_concurrency();
}

void run_configs(const WorkList& work, std::span<const std::int64_t> configs, SharedInputs& inputs,
                 const RunnerOptions& options, const std::function<void(ResultRow)>& done) {
  const SweepSpec& spec = work.spec();
  const auto one = [&](std::int64_t config) {
    if (options.stop != nullptr && options.stop->load()) {
      return;
    }
    Outcome outcome = try_simulate(spec.base(), spec.settings(config), spec.promise(), inputs);
    done(make_row(work, config, std::move(outcome)));
  };
  parallel_for(options.workers, std::ssize(configs),
               [&](std::int64_t i) { one(configs[static_cast<std::size_t>(i)]); });
}

}  // namespace lockstep
