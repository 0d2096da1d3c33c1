// Whole runs in one process: from loaded inputs to the result file's bytes, and next to them what
// only reading those inputs costs. The data is looked for as the tests do; without it nothing is
// measured.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "config/run_flags.hpp"
#include "engine/run_setup.hpp"
#include "engine/simulation.hpp"
#include "report/request_csv.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

const fs::path& data_dir() {
  static const fs::path dir = [] {
    const char* given = std::getenv("LOCKSTEP_REFERENCE");
    return given != nullptr ? fs::path(given)
                            : fs::path(LOCKSTEP_SOURCE_DIR).parent_path() / "shared" / "reference";
  }();
  return dir;
}

struct Run {
  std::string name;
  std::string config, dataset;
  std::string max_num_seqs = "128";
  std::string lines;
  std::int64_t requests;  ///< what the answer must hold
};

RunOptions options_of(const Run& run, const std::string& fidelity) {
  const std::vector<std::string> args = {"--cluster-config", data_dir() / run.config,
                                         "--dataset",        data_dir() / run.dataset,
                                         "--num-reqs",       run.lines,
                                         "--dtype",          "bfloat16",
                                         "--max-num-seqs",   run.max_num_seqs,
                                         "--perf-dir",       data_dir() / "bundles",
                                         "--model-dir",      data_dir() / "configs/model",
                                         "--fidelity",       fidelity};
  return std::get<ParsedFlags>(parse_run_flags(args)).options;
}

void simulate(benchmark::State& state, const Run& run, const std::string& fidelity) {
  const RunOptions options = options_of(run, fidelity);
  std::int64_t steps = 0;
  for (auto _ : state) {
    const RunSetup setup = load_run(options);
    KernelTimeLibrary library(setup.perf);
    RunObserver silent;
    Simulation simulation(setup.cluster, options, &*setup.workload, library, silent);
    const RunResult result = simulation.run();
    const std::string csv = request_csv(result, setup.cluster);
    if (result.requests != run.requests || csv.empty()) {
      state.SkipWithError("wrong answer");
    }
    steps += result.steps;
  }
  state.counters["steps/s"] =
      benchmark::Counter(static_cast<double>(steps), benchmark::Counter::kIsRate);
}

void read_inputs(benchmark::State& state, const Run& run) {
  const RunOptions options = options_of(run, "reference");
  for (auto _ : state) {
    const RunSetup setup = load_run(options);
    KernelTimeLibrary library(setup.perf);
    benchmark::DoNotOptimize(library.times_for(setup.cluster.instances.front()));
  }
}

const std::vector<Run>& runs() {
  static const std::vector<Run> all = {
      {"dp_ep_session", "configs/cluster/single_node_moe_dp_ep_instance.json",
       "vectors/dp_ep_session.jsonl", "128", "1", 20},
      {"recorded/RTX4090/Llama-3.1-8B", "recorded/RTX4090/Llama-3.1-8B/config.json",
       "workloads/sharegpt-llama-3.1-8b-300-sps10.jsonl", "256", "300", 300},
      {"recorded/RTXPRO6000/Llama-3.1-8B", "recorded/RTXPRO6000/Llama-3.1-8B/config.json",
       "workloads/sharegpt-llama-3.1-8b-300-sps10.jsonl", "128", "300", 300},
      {"recorded/RTXPRO6000/Qwen3-32B", "recorded/RTXPRO6000/Qwen3-32B/config.json",
       "workloads/sharegpt-qwen3-32b-300-sps10.jsonl", "128", "300", 300},
      {"recorded/RTXPRO6000/Qwen3-30B-A3B",
       "recorded/RTXPRO6000/Qwen3-30B-A3B-Instruct-2507/config.json",
       "workloads/sharegpt-qwen3-30b-a3b-300-sps10.jsonl", "128", "300", 300},
  };
  return all;
}

}  // namespace
}  // namespace lockstep

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (std::filesystem::is_directory(lockstep::data_dir())) {
    for (const lockstep::Run& run : lockstep::runs()) {
      for (const std::string fidelity : {"reference", "vllm"}) {
        benchmark::RegisterBenchmark((fidelity + "/" + run.name).c_str(), lockstep::simulate, run,
                                     fidelity)
            ->Unit(benchmark::kMillisecond);
      }
      benchmark::RegisterBenchmark(("read/" + run.name).c_str(), lockstep::read_inputs, run)
          ->Unit(benchmark::kMillisecond);
    }
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
