// A small recorded run, written to a folder of the test's own.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace lockstep::testing {

inline constexpr std::string_view kMeta = R"({
  "schema_version": 1, "model": "acme/tiny", "vllm_version": "0.19.0",
  "engine_kwargs": {"max_num_seqs": 64, "max_num_batched_tokens": 512, "dtype": "bfloat16",
                    "kv_cache_dtype": "auto", "max_model_len": null},
  "dataset_path": "workloads/tiny.jsonl", "num_requests": 3,
  "kv_cache": {"num_gpu_blocks": 100, "block_size": 32}
})";

/// Wall clock and monotonic clock are 999000 s apart; request 0 waited 1 ms in the inbox, request
/// 1 waited 11 ms. Request 2 has no stamps.
inline constexpr std::string_view kRequests =
    R"({"request_id": "bench-0", "input_toks": 10, "output_toks": 3, "arrival_time": 1000000.0, "queued_ts": 1000.001, "scheduled_ts": 1000.001, "first_token_ts": 1000.101, "last_token_ts": 1000.201}
{"request_id": "bench-1", "input_toks": 20, "output_toks": 1, "arrival_time": 1000000.5, "queued_ts": 1000.511, "scheduled_ts": 1000.561, "first_token_ts": 1000.711, "last_token_ts": 1000.711}
{"request_id": "bench-2", "input_toks": 30, "output_toks": 5, "arrival_time": null, "queued_ts": null, "scheduled_ts": null, "first_token_ts": null, "last_token_ts": null}
)";

inline constexpr std::string_view kSimCsv =
    "instance id,request id,model,input,output,arrival,end_time,latency,queuing_delay,TTFT,TPOT,"
    "ITL\r\n"
    "0,0,acme/tiny,10,3,0,210000000,210000000,0,110000000,50000000,\"[50000000, 50000000]\"\r\n"
    "0,1,acme/tiny,20,1,500000000,650000000,150000000,50000000,150000000,0,[]\r\n";

class RecordedFolder {
public:
  RecordedFolder() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "lockstep-recorded-XXXXXX").string();
    dir_ = ::mkdtemp(pattern.data());
    write("runs/gpu/vllm/meta.json", kMeta);
    write("runs/gpu/vllm/requests.jsonl", kRequests);
    write("sim.csv", kSimCsv);
  }
  ~RecordedFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(dir_, ignored);
  }
  RecordedFolder(const RecordedFolder&) = delete;
  RecordedFolder& operator=(const RecordedFolder&) = delete;

  [[nodiscard]] std::filesystem::path run() const { return dir_ / "runs/gpu"; }
  [[nodiscard]] std::filesystem::path sim() const { return dir_ / "sim.csv"; }

  std::filesystem::path write(std::string_view name, std::string_view text) const {
    const std::filesystem::path file = dir_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
    return file;
  }

private:
  std::filesystem::path dir_;
};

inline std::string file_text(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace lockstep::testing
