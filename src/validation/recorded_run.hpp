// A real vLLM run as it was recorded: a folder with
//   config.json           the cluster file that describes the machine
//   vllm/meta.json        what was run: engine arguments, workload, perhaps the KV cache's size
//   vllm/requests.jsonl   one object a request in workload order, with its time stamps
//
// Stamps are in seconds. `arrival_time` is wall clock, the others are monotonic with an arbitrary
// origin, so that only differences within one clock mean anything.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "model/data_type.hpp"

namespace lockstep {

struct RecordedRequest {
  std::int64_t input_toks = 0;
  std::int64_t output_toks = 1;       ///< at least 1
  std::optional<double> arrival;      ///< s, wall clock: handed to the engine
  std::optional<double> queued;       ///< s, monotonic: taken out of the engine's inbox
  std::optional<double> scheduled;    ///< s, monotonic: first part of a step
  std::optional<double> first_token;  ///< s, monotonic: end of the step that made the token
  std::optional<double> last_token;   ///< s, monotonic

  /// Where its TTFT and latency count from: the arrival when that is in the tokens' clock, else
  /// the time it was queued. Nothing when neither is known.
  [[nodiscard]] std::optional<double> anchor() const;
  /// Anchor, first and last token are known; other requests are left out of comparisons.
  [[nodiscard]] bool complete() const;
};

struct RecordedRun {
  std::filesystem::path dir;
  std::string model;
  std::string vllm_version;
  std::string dataset_path;  ///< relative to wherever the run was started
  std::int64_t num_requests = 0;
  std::int64_t max_num_seqs = 128;
  std::int64_t max_num_batched_tokens = 2048;
  std::int64_t block_size = 16;
  std::optional<DataType> dtype;  ///< none: the model's own
  KvCacheType kv_cache_dtype = KvCacheType::automatic;
  std::int64_t data_parallel = 1;              ///< engines
  bool client_stamps = false;                  ///< times are a client's: not the ends of steps
  double tick_seconds = 1.0;                   ///< of vllm/timeseries.csv
  std::optional<std::int64_t> num_gpu_blocks;  ///< of one engine, where recorded
  std::vector<RecordedRequest> requests;       ///< index = request id

  [[nodiscard]] std::filesystem::path cluster_config() const { return dir / "config.json"; }
};

/// Two stamps of one clock lie within this many seconds; the clocks' origins are further apart.
inline constexpr double kSameClockSeconds = 100'000.0;

/// Throws UserError naming file, line and field.
[[nodiscard]] RecordedRun read_recorded_run(const std::filesystem::path& dir);

/// The workload file: `dataset_path` as it is, in the working directory, or in a folder above the
/// run's. Throws UserError with the places looked at.
[[nodiscard]] std::filesystem::path find_dataset(const RecordedRun& run);

}  // namespace lockstep
