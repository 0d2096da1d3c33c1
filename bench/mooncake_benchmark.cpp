// An hour of requests with shared prefixes, of the form and size of a Mooncake trace, on eight
// one-GPU instances: reading it, and running it with prefix caches of 16 and 512 tokens a block.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "config/run_flags.hpp"
#include "engine/run_setup.hpp"
#include "engine/simulation.hpp"
#include "report/request_csv.hpp"
#include "workload/mooncake_like.hpp"
#include "workload/workload_writer.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kRequests = 23'608;
constexpr int kInstances = 8;

std::string cluster_json() {
  std::string instances;
  for (int i = 0; i < kInstances; ++i) {
    instances += instances.empty() ? "" : ", ";
    instances += R"({"model_name": "meta-llama/Llama-3.1-8B", "hardware": "H100", "num_npus": 1,)"
                 R"( "tp_size": 1, "pd_type": null,)"
                 R"( "npu_mem": {"mem_size": 80, "mem_bw": 3350, "mem_latency": 0}})";
  }
  return R"({"num_nodes": 1, "link_bw": 900, "link_latency": 0, "nodes": [{"num_instances": )" +
         std::to_string(kInstances) +
         R"(, "cpu_mem": {"mem_size": 1024, "mem_bw": 512, "mem_latency": 0}, "instances": [)" +
         instances + "]}]}";
}

/// The trace in a file of this process.
class TraceFile {
public:
  explicit TraceFile(MooncakeKind kind)
      : path_(fs::temp_directory_path() /
              ("lockstep-mooncake-" + std::to_string(::getpid()) + ".jsonl")) {
    MooncakeLikeGenerator generator({.kind = kind, .num_requests = kRequests});
    WorkloadWriter writer(path_);
    WorkloadRequest request;
    while (generator.next(request)) {
      writer.write_mooncake(request);
    }
    writer.finish();
  }
  ~TraceFile() {
    std::error_code ignored;
    fs::remove(path_, ignored);
  }
  TraceFile(const TraceFile&) = delete;
  TraceFile& operator=(const TraceFile&) = delete;

  [[nodiscard]] const fs::path& path() const { return path_; }

private:
  fs::path path_;
};

RunOptions options_of(const fs::path& trace, const std::string& routing, std::int64_t block) {
  const std::vector<std::string> args = {"--cluster-config",
                                         "inline",
                                         "--dataset",
                                         trace.string(),
                                         "--model-dir",
                                         LOCKSTEP_SOURCE_DIR "/configs/model",
                                         "--dtype",
                                         "bfloat16",
                                         "--max-num-seqs",
                                         "256",
                                         "--block-size",
                                         std::to_string(block),
                                         "--request-routing-policy",
                                         routing,
                                         "--enable-prefix-caching"};
  return std::get<ParsedFlags>(parse_run_flags(args)).options;
}

void simulate(benchmark::State& state, MooncakeKind kind, const std::string& routing,
              std::int64_t block) {
  const TraceFile trace(kind);
  const RunOptions options = options_of(trace.path(), routing, block);
  std::int64_t steps = 0;
  for (auto _ : state) {
    const RunSetup setup = load_run(options, {.cluster = cluster_json(), .workload = {}});
    KernelTimeLibrary library(setup.perf);
    RunObserver silent;
    Simulation simulation(setup.cluster, options, &*setup.workload, library, silent);
    const RunResult result = simulation.run();
    const std::string csv = request_csv(result, setup.cluster);
    if (result.requests != kRequests || csv.empty()) {
      state.SkipWithError("wrong answer");
    }
    steps += result.steps;
  }
  state.counters["steps"] =
      benchmark::Counter(static_cast<double>(steps), benchmark::Counter::kAvgIterations);
  state.counters["steps/s"] =
      benchmark::Counter(static_cast<double>(steps), benchmark::Counter::kIsRate);
}

void generate(benchmark::State& state, MooncakeKind kind) {
  for (auto _ : state) {
    const TraceFile trace(kind);
    benchmark::DoNotOptimize(trace.path());
  }
}

void read(benchmark::State& state, MooncakeKind kind) {
  const TraceFile trace(kind);
  for (auto _ : state) {
    const Workload workload = read_workload(trace.path(), {});
    if (std::ssize(workload.requests) != kRequests) {
      state.SkipWithError("wrong answer");
    }
  }
}

void add_benchmarks(const std::string& name, MooncakeKind kind) {
  const auto add = [&](const std::string& what, auto function, auto... arguments) {
    benchmark::RegisterBenchmark((what + "/" + name).c_str(), function, kind, arguments...)
        ->Unit(benchmark::kMillisecond);
  };
  add("generate", generate);
  add("read", read);
  for (const std::string routing : {"RR", "LOAD"}) {
    for (const std::int64_t block : {16, 512}) {
      add("run/" + routing + "/" + std::to_string(block), simulate, routing, block);
    }
  }
}

}  // namespace
}  // namespace lockstep

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  lockstep::add_benchmarks("tool-agent", lockstep::MooncakeKind::tool_agent);
  lockstep::add_benchmarks("conversation", lockstep::MooncakeKind::conversation);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
