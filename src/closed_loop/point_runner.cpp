#include "closed_loop/point_runner.hpp"

#include <fmt/format.h>

#include <atomic>
#include <cmath>
#include <memory>
#include <thread>

#include "base/error.hpp"
#include "closed_loop/hidden_limit.hpp"
#include "closed_loop/latency_summary.hpp"
#include "closed_loop/point_setup.hpp"
#include "perf/gpu_facts.hpp"
#include "perf/operations/operation_library.hpp"
#include "steps/gpu_kernels.hpp"

namespace lockstep {
namespace {

struct GpuSource {
  std::shared_ptr<const OperationTimes> times;
  Bytes memory;
  std::shared_ptr<const GpuFacts> facts;  ///< null: not known
  std::string failure;
};

/// Loaded before the threads start, so that they only read.
std::map<std::string, GpuSource, std::less<>> load_gpus(const std::vector<MeasuredPoint>& points,
                                                        const PointRunOptions& options) {
  std::map<std::string, GpuSource, std::less<>> gpus;
  GpuCatalog catalog;
  for (const MeasuredPoint& point : points) {
    if (gpus.find(point.gpu) != gpus.end()) {
      continue;
    }
    GpuSource& source = gpus[point.gpu];
    try {
      source.times = operation_times_for({.gpu = point.gpu,
                                          .engine_version = options.engine_version,
                                          .store = std::nullopt,
                                          .allow_tables = options.allow_tables})
                         .times;
      if (const auto facts = catalog.find(point.gpu)) {
        // What the driver leaves of the nominal size.
        source.memory =
            Bytes{static_cast<std::int64_t>(facts->memory_gb * 0.99 * static_cast<double>(kGiB))};
        source.facts = facts;
      }
    } catch (const UserError& error) {
      source.failure = error.problem();
    }
  }
  return gpus;
}

struct Simulated {
  LatencySummary summary;
  double gpu_share = 0;
  std::int64_t preemptions = 0;
};

Simulated run_point(const MeasuredPoint& point, const Recipe& recipe, const GpuSource& gpu,
                    const PointRunOptions& options,
                    std::optional<std::int64_t> script_limit = std::nullopt) {
  PointSetup setup = set_up_point(point, recipe, options.model_dirs, script_limit);
  setup.memory.gpu = gpu.memory;
  if (gpu.facts) {
    take_kernels_of(*gpu.facts, setup.options);
  }
  if (rounds_float32(recipe)) {
    setup.options.float32_tflops = 0;
  }
  const KvPool pool = size_kv_pool(setup.model, setup.split, setup.memory);
  if (pool.blocks == 0) {
    throw UserError("weights leave no memory for a KV cache", Where{}, "");
  }
  setup.server.kv_blocks = pool.blocks;
  if (options.host) {
    setup.server.host = *options.host;
  }
  StepModel model(setup.model, setup.split, setup.options, gpu.times);
  const ClosedLoopResult run = run_closed_loop(model, setup.server, setup.client, setup.lengths);
  return {summarise(run), run.gpu_share, run.preemptions};
}

/// The limit whose TTFT comes nearest to the measured one. TPOT is not looked at.
void find_limit(PointResult& result, const Recipe& recipe, const GpuSource& gpu,
                const PointRunOptions& options, const std::set<std::int64_t>& limits) {
  double least = 0;
  for (const std::int64_t limit : limits) {
    const Simulated with = run_point(result.point, recipe, gpu, options, limit);
    const double apart = std::abs(std::log(with.summary.ttft.mean / result.point.ttft_ms));
    if (result.found_limit == 0 || apart < least) {
      least = apart;
      result.found_limit = limit;
      result.found_ttft_ms = with.summary.ttft.mean;
      result.found_tpot_ms = with.summary.tpot.mean;
    }
  }
}

void simulate(PointResult& result, const Recipe& recipe, const GpuSource& gpu,
              const PointRunOptions& options, const std::vector<MeasuredPoint>& points) {
  const Simulated as_listed = run_point(result.point, recipe, gpu, options);
  result.ttft_ms = as_listed.summary.ttft.mean;
  result.tpot_ms = as_listed.summary.tpot.mean;
  result.gpu_share = as_listed.gpu_share;
  result.preemptions = as_listed.preemptions;
  if (hides_a_limit(result.point, recipe, result.ttft_ms)) {
    find_limit(result, recipe, gpu, options, swept_limits(result.point, points));
  }
}

}  // namespace

std::vector<PointResult> run_points(const std::vector<MeasuredPoint>& points,
                                    const std::map<std::string, Recipe, std::less<>>& recipes,
                                    const PointRunOptions& options) {
  const auto gpus = load_gpus(points, options);
  std::vector<PointResult> results(points.size());
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < points.size(); i = next++) {
      PointResult& result = results[i];
      result.point = points[i];
      const GpuSource& gpu = gpus.find(points[i].gpu)->second;
      const auto recipe = recipes.find(points[i].recipe);
      try {
        if (!gpu.failure.empty()) {
          throw UserError(gpu.failure, Where{}, "");
        }
        simulate(result, recipe == recipes.end() ? Recipe{} : recipe->second, gpu, options, points);
      } catch (const UserError& error) {
        result.failure = error.problem();
      }
    }
  };
  std::vector<std::jthread> threads;
  for (std::size_t i = 1; i < options.threads; ++i) {
    threads.emplace_back(work);
  }
  work();
  threads.clear();
  return results;
}

}  // namespace lockstep
