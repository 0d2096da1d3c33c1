// Prompts given by their token ids: 500 requests of 30,000 ids each, whose first thirds are one of
// five. What simdjson needs for a pass over the file, what reading the workload needs, and a whole
// run with prefix caches, from the file to the result file's bytes.
#include <benchmark/benchmark.h>
#include <simdjson.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "config/run_flags.hpp"
#include "engine/run_setup.hpp"
#include "engine/simulation.hpp"
#include "report/request_csv.hpp"
#include "workload/workload_writer.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kRequests = 500;
constexpr std::int64_t kPrompt = 30'000;
constexpr std::int64_t kOutput = 100;
constexpr std::int64_t kBeginnings = 5;
constexpr const char* kCluster =
    R"({"num_nodes": 1, "link_bw": 900, "link_latency": 0, "nodes": [{"num_instances": 1,)"
    R"( "cpu_mem": {"mem_size": 1024, "mem_bw": 512, "mem_latency": 0}, "instances": [)"
    R"({"model_name": "meta-llama/Llama-3.1-8B", "hardware": "H100", "num_npus": 1,)"
    R"( "tp_size": 1, "pd_type": null,)"
    R"( "npu_mem": {"mem_size": 80, "mem_bw": 3350, "mem_latency": 0}}]}]})";

/// The workload in a file of this process, made once.
class LongPrompts {
public:
  LongPrompts()
      : path_(fs::temp_directory_path() /
              ("lockstep-long-prompts-" + std::to_string(::getpid()) + ".jsonl")) {
    WorkloadWriter writer(path_);
    for (std::int64_t i = 0; i < kRequests; ++i) {
      WorkloadRequest request;
      request.id = i;
      request.arrival = Nanos{i * 1'000'000'000};
      add_ids(i % kBeginnings, kPrompt / 3, request.input_ids);
      add_ids(kBeginnings + i, kPrompt - kPrompt / 3, request.input_ids);
      add_ids(2 * kRequests + i, kOutput, request.output_ids);
      request.input_toks = kPrompt;
      request.output_toks = kOutput;
      writer.write_request(request);
    }
    writer.finish();
  }
  ~LongPrompts() {
    std::error_code ignored;
    fs::remove(path_, ignored);
  }
  LongPrompts(const LongPrompts&) = delete;
  LongPrompts& operator=(const LongPrompts&) = delete;

  [[nodiscard]] const fs::path& path() const { return path_; }

private:
  static void add_ids(std::int64_t stream, std::int64_t count, TokenIds& ids) {
    std::uint64_t state = 0x9e3779b97f4a7c15ULL * static_cast<std::uint64_t>(stream + 1);
    for (std::int64_t i = 0; i < count; ++i) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      ids.push_back(static_cast<TokenIds::value_type>((state >> 33U) % 128'000));
    }
  }

  fs::path path_;
};

const LongPrompts& prompts() {
  static const LongPrompts file;
  return file;
}

RunOptions options_of() {
  const std::vector<std::string> args = {"--cluster-config",
                                         "inline",
                                         "--dataset",
                                         prompts().path().string(),
                                         "--model-dir",
                                         LOCKSTEP_SOURCE_DIR "/configs/model",
                                         "--dtype",
                                         "bfloat16",
                                         "--enable-prefix-caching"};
  return std::get<ParsedFlags>(parse_run_flags(args)).options;
}

/// Every number of the file, as simdjson's document holds it.
void parse(benchmark::State& state) {
  for (auto _ : state) {
    simdjson::dom::parser parser;
    simdjson::dom::document_stream lines;
    const simdjson::padded_string text = simdjson::padded_string::load(prompts().path().string());
    if (parser.parse_many(text, std::size_t{1} << 20U).get(lines) != simdjson::SUCCESS) {
      state.SkipWithError("wrong answer");
    }
    std::int64_t count = 0;
    for (const auto line : lines) {
      simdjson::dom::element value;
      count += line.get(value) == simdjson::SUCCESS ? 1 : 0;
    }
    if (count != kRequests) {
      state.SkipWithError("wrong answer");
    }
  }
  state.SetBytesProcessed(state.iterations() *
                          static_cast<std::int64_t>(fs::file_size(prompts().path())));
}
BENCHMARK(parse)->Unit(benchmark::kMillisecond);

void read(benchmark::State& state) {
  for (auto _ : state) {
    const Workload workload = read_workload(prompts().path(), {});
    if (std::ssize(workload.requests) != kRequests) {
      state.SkipWithError("wrong answer");
    }
  }
}
BENCHMARK(read)->Unit(benchmark::kMillisecond);

void run(benchmark::State& state, const std::string& fidelity) {
  RunOptions options = options_of();
  options.fidelity = fidelity == "vllm" ? Fidelity::vllm : Fidelity::reference;
  for (auto _ : state) {
    const RunSetup setup = load_run(options, {.cluster = kCluster, .workload = {}});
    KernelTimeLibrary library(setup.perf);
    RunObserver silent;
    Simulation simulation(setup.cluster, options, &*setup.workload, library, silent);
    const RunResult result = simulation.run();
    if (result.requests != kRequests || request_csv(result, setup.cluster).empty()) {
      state.SkipWithError("wrong answer");
    }
    state.counters["steps"] = static_cast<double>(result.steps);
    state.counters["hit"] = static_cast<double>(result.prefix.npu_hit);
  }
}
BENCHMARK_CAPTURE(run, reference, std::string("reference"))->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run, vllm, std::string("vllm"))->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace lockstep
