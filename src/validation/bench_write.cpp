// The files of a recorded run, from what a benchmark's client knows.
#include <cmath>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "report/output_file.hpp"
#include "validation/bench_import.hpp"
#include "workload/workload_writer.hpp"

namespace lockstep {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

std::string dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string requests_text(const ClientRun& run) {
  std::string text;
  std::size_t number = 0;
  for (const ClientRequest& request : run.requests) {
    text += dump({{"request_id", "bench-" + std::to_string(number++)},
                  {"input_toks", request.input},
                  {"output_toks", request.output},
                  {"arrival_time", request.start},
                  {"queued_ts", nullptr},
                  {"scheduled_ts", nullptr},
                  {"first_token_ts", request.first},
                  {"last_token_ts", request.last}},
                 -1);
  }
  return text;
}

std::string meta_text(const ClientRun& run, const RecordedRunFiles& files,
                      const std::string& folder) {
  Json engine = Json::object();
  if (files.max_num_seqs) {
    engine["max_num_seqs"] = *files.max_num_seqs;
  }
  if (files.max_num_batched_tokens) {
    engine["max_num_batched_tokens"] = *files.max_num_batched_tokens;
  }
  return dump({{"schema_version", 1},
               {"model", run.model},
               {"vllm_version", files.vllm_version},
               {"engine_kwargs", std::move(engine)},
               {"dataset_path", folder + "/workload.jsonl"},
               {"num_requests", run.requests.size()},
               {"stamps", "client"},
               {"imported_from", run.format}},
              2);
}

Workload workload_of(const ClientRun& run) {
  Workload workload;
  for (const ClientRequest& request : run.requests) {
    WorkloadRequest& row = workload.requests.emplace_back();
    row.id = static_cast<std::int64_t>(workload.requests.size()) - 1;
    row.input_toks = request.input;
    row.output_toks = request.output;
    row.arrival = Nanos{std::llround((request.start - run.requests.front().start) * 1e9)};
  }
  return workload;
}

}  // namespace

void write_recorded_run(const ClientRun& run, const RecordedRunFiles& files) {
  ensure(!run.requests.empty(), "a run without requests");
  std::string config;
  if (files.cluster_config) {
    std::ifstream in(*files.cluster_config, std::ios::binary);
    config.assign(std::istreambuf_iterator<char>(in), {});
    if (!in.is_open() || in.bad()) {
      throw UserError("cannot read the cluster file", Where{files.cluster_config->string(), 0, {}},
                      "give the file that describes the machine");
    }
  }
  const fs::path dir = fs::absolute(files.dir / "").lexically_normal().parent_path();
  const OutputFile meta(dir / "vllm" / "meta.json");
  const OutputFile requests(dir / "vllm" / "requests.jsonl");
  write_workload(workload_of(run), dir / "workload.jsonl");
  if (files.cluster_config) {
    OutputFile(dir / "config.json").commit(config);
  }
  requests.commit(requests_text(run));
  meta.commit(meta_text(run, files, dir.filename().string()));
}

}  // namespace lockstep
