// What benchmark clients write about a run, as a recorded run: vLLM's `bench serve` and GuideLLM's
// benchmark JSON, and logs of requests to an endpoint that speaks OpenAI's protocol.
//
// All stamps are the client's: TTFT and latency contain the way to the server and back, and when a
// request was queued or scheduled is not known.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace lockstep {

struct ClientRequest {
  std::int64_t input = 0, output = 1;     ///< tokens; output at least 1
  double start = 0, first = 0, last = 0;  ///< s on one clock: sent, first and last token received
};

struct ClientRun {
  std::string format;                   ///< "vllm-bench", "guidellm", "request-log"
  std::string model;                    ///< as the file names it; may be empty
  std::vector<ClientRequest> requests;  ///< by start
  std::int64_t left_out = 0;            ///< failed, or without a token
  std::vector<std::string> notes;
};

/// Where a request log keeps what it tells: keys, or paths such as "usage.prompt_tokens".
struct LogFields {
  std::string start = "start_time", first = "first_token_time", last = "last_token_time";
  std::string input = "usage.prompt_tokens", output = "usage.completion_tokens";
  std::string model = "model", status = "status";
  double unit = 1.0;  ///< s of one unit of the log's times

  /// The field called "start", "first", ...; null when there is none of this name.
  [[nodiscard]] std::string* find(std::string_view name);
};

struct BenchImport {
  std::vector<std::filesystem::path> files;  ///< several only of request logs: parts of one run
  std::optional<std::size_t> benchmark;      ///< of a GuideLLM file with several
  LogFields log;
};

/// Tells the formats apart by what is in the first file. Throws UserError with file, line and JSON
/// path.
[[nodiscard]] ClientRun read_client_run(const BenchImport& what);

struct RecordedRunFiles {
  std::filesystem::path dir;                            ///< made where missing
  std::optional<std::filesystem::path> cluster_config;  ///< copied to config.json
  std::string vllm_version;                             ///< may be empty
  std::optional<std::int64_t> max_num_seqs, max_num_batched_tokens;
};

/// Writes vllm/meta.json, vllm/requests.jsonl, workload.jsonl and perhaps config.json. The first
/// request arrives at 0. Throws UserError.
void write_recorded_run(const ClientRun& run, const RecordedRunFiles& files);

}  // namespace lockstep
