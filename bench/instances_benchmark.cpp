// How the cost of an event, and of a token, grows with the number of instances: the same 20,000
// requests on 1 to 1,000 of them, at the same load each. Whole runs, from parsing the cluster to
// the result file's bytes.
//
// `us_event` divides by what the event queue has handed out, `us_token` by generated tokens. Fewer
// events for as many tokens mean that more steps were left out.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <string>
#include <variant>
#include <vector>

#include "config/run_flags.hpp"
#include "engine/run_setup.hpp"
#include "engine/simulation.hpp"

namespace lockstep {
namespace {

constexpr std::int64_t kRequests = 20'000;
constexpr std::int64_t kPerSecond = 4;  ///< and instance
constexpr std::int64_t kAnswer = 32;

std::string cluster_json(std::int64_t instances) {
  std::string list;
  for (std::int64_t i = 0; i < instances; ++i) {
    list += list.empty() ? "" : ", ";
    list += R"({"model_name": "meta-llama/Llama-3.1-8B", "hardware": "RTX4090", "num_npus": 1,)"
            R"( "tp_size": 1, "pd_type": null, "npu_mem": {"mem_size": 24, "mem_bw": 1008,)"
            R"( "mem_latency": 0, "mem_util": 0.833919}})";
  }
  return fmt::format(R"({{"num_nodes": 1, "link_bw": 16, "link_latency": 1000, "nodes": [)"
                     R"({{"num_instances": {}, "cpu_mem": {{"mem_size": 64, "mem_bw": 50,)"
                     R"( "mem_latency": 0}}, "instances": [{}]}}]}})",
                     instances, list);
}

RunOptions options_of(const std::string& fidelity) {
  const std::vector<std::string> args = {
      "--cluster-config", "inline",      "--dataset",
      "inline",           "--model-dir", std::string(LOCKSTEP_SOURCE_DIR) + "/configs/model",
      "--fidelity",       fidelity};
  return std::get<ParsedFlags>(parse_run_flags(args)).options;
}

WorkloadRecipe requests_at(std::int64_t rate) {
  WorkloadRecipe recipe;
  recipe.generator.num_requests = kRequests;
  recipe.generator.arrivals.rate = static_cast<double>(rate);
  recipe.generator.input = FixedLength{100};
  recipe.generator.output = FixedLength{kAnswer};
  return recipe;
}

void run(benchmark::State& state, const std::string& fidelity) {
  const RunOptions options = options_of(fidelity);
  const WorkloadRecipe recipe = requests_at(kPerSecond * state.range(0));
  const std::string cluster = cluster_json(state.range(0));
  std::int64_t events = 0;
  for (auto _ : state) {
    const RunSetup setup =
        load_run(options, {.cluster = cluster, .workload = {}, .recipe = recipe, .stream = true});
    KernelTimeLibrary library(setup.perf);
    RunObserver silent;
    Simulation simulation(setup.cluster, options, *setup.streamed, library, silent);
    const RunResult result = simulation.run();
    if (result.generated_tokens != kRequests * kAnswer) {
      state.SkipWithError("wrong answer");
    }
    events += simulation.num_events();
  }
  const auto inverse = benchmark::Counter::kIsRate | benchmark::Counter::kInvert;
  const auto tokens = static_cast<double>(state.iterations() * kRequests * kAnswer);
  state.counters["us_event"] = benchmark::Counter(static_cast<double>(events) / 1e6, inverse);
  state.counters["us_token"] = benchmark::Counter(tokens / 1e6, inverse);
  state.counters["events"] = static_cast<double>(events) / static_cast<double>(state.iterations());
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->Unit(benchmark::kMillisecond);
  for (const std::int64_t instances : {1, 3, 10, 30, 100, 300, 1000}) {
    benchmark->Arg(instances);
  }
}

BENCHMARK_CAPTURE(run, vllm, "vllm")->Apply(sizes);
BENCHMARK_CAPTURE(run, reference, "reference")->Apply(sizes);

}  // namespace
}  // namespace lockstep
