#include "validation/recorded_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/error.hpp"
#include "base/json_depth.hpp"
#include "base/read_log.hpp"
#include "config/json_document.hpp"
#include "config/json_view.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMostRecorded = std::int64_t{1} << 40;

bool same_clock(std::optional<double> a, std::optional<double> b) {
  return a && b && std::abs(*a - *b) < kSameClockSeconds;
}

std::string text_or(const JsonView& object, std::string_view key, std::string fallback) {
  const auto value = object.find(key);
  return value ? value->text() : std::move(fallback);
}

std::int64_t count_or(const JsonView& object, std::string_view key, std::int64_t fallback) {
  const auto value = object.find(key);
  return value ? value->integer_between(0, kMostRecorded) : fallback;
}

void read_engine(const JsonView& engine, RecordedRun& run) {
  run.max_num_seqs = count_or(engine, "max_num_seqs", run.max_num_seqs);
  run.max_num_batched_tokens =
      count_or(engine, "max_num_batched_tokens", run.max_num_batched_tokens);
  run.data_parallel =
      std::max<std::int64_t>(1, count_or(engine, "data_parallel_size", run.data_parallel));
  const std::string dtype = text_or(engine, "dtype", "auto");
  if (dtype != "auto") {
    run.dtype = data_type_from_name(dtype);
    if (!run.dtype) {
      engine.fail_at("dtype", fmt::format("unknown number format '{}'", dtype),
                     "use auto, float16, bfloat16, float32, fp8 or int8");
    }
  }
  if (text_or(engine, "kv_cache_dtype", "auto").starts_with("fp8")) {
    run.kv_cache_dtype = KvCacheType::fp8;
  }
}

void read_meta(const fs::path& file, RecordedRun& run) {
  ReadLog::note(file, "recorded run");
  const JsonDocument document = JsonDocument::read(file);
  const JsonView meta = JsonView::root(document).object();
  run.model = text_or(meta, "model", "");
  run.vllm_version = text_or(meta, "vllm_version", "");
  run.dataset_path = text_or(meta, "dataset_path", "");
  run.client_stamps = text_or(meta, "stamps", "engine") == "client";
  run.num_requests = count_or(meta, "num_requests", 0);
  if (const auto tick = meta.find("tick_seconds")) {
    run.tick_seconds = tick->number_above(0.0);
  }
  if (const auto engine = meta.find("engine_kwargs")) {
    read_engine(engine->object(), run);
  }
  if (const auto cache = meta.find("kv_cache")) {
    run.block_size = std::max<std::int64_t>(1, count_or(cache->object(), "block_size", 16));
    if (const auto blocks = cache->find("num_gpu_blocks")) {
      run.num_gpu_blocks = blocks->integer_between(0, kMostRecorded);
    }
  }
}

/// One line of requests.jsonl, with its place for messages.
class RequestLine {
public:
  RequestLine(const std::string& text, const fs::path& file, std::int64_t line)
      : file_(file), line_(line) {
    if (json_is_deeper(text)) {
      refuse("", "this line is nested too deeply", "each line describes one request");
    }
    try {
      json_ = nlohmann::json::parse(text);
    } catch (const nlohmann::json::exception&) {
      refuse("", "this line is no JSON", "the recording may have been cut off: record it again");
    }
    if (!json_.is_object()) {
      refuse("", "expected an object", "each line describes one request");
    }
  }

  [[nodiscard]] std::optional<double> stamp(const char* key) const {
    const auto found = json_.find(key);
    if (found == json_.end() || found->is_null()) {
      return std::nullopt;
    }
    if (!found->is_number() || !std::isfinite(found->get<double>())) {
      refuse(key, "expected a number of seconds or null", "record the run again");
    }
    return found->get<double>();
  }

  [[nodiscard]] std::int64_t tokens(const char* key, std::int64_t fallback) const {
    const auto found = json_.find(key);
    if (found == json_.end() || found->is_null()) {
      return fallback;
    }
    if (!found->is_number_integer() || found->get<double>() < 0.0 ||
        found->get<double>() > static_cast<double>(kMostRecorded)) {
      refuse(key, "expected a number of tokens", "record the run again");
    }
    return found->get<std::int64_t>();
  }

private:
  [[noreturn]] void refuse(const char* key, const char* problem, const char* mend) const {
    throw UserError(problem, Where{file_.string(), line_, key}, mend);
  }

  nlohmann::json json_;
  const fs::path& file_;
  std::int64_t line_;
};

std::vector<RecordedRequest> read_requests(const fs::path& file) {
  ReadLog::note(file, "recorded run");
  std::ifstream stream(file, std::ios::binary);
  if (!stream) {
    throw UserError("cannot read this file", Where{file.string(), 0, {}},
                    "give the folder of a recorded run, which holds config.json and vllm/");
  }
  std::vector<RecordedRequest> requests;
  std::string text;
  for (std::int64_t line = 1; std::getline(stream, text); ++line) {
    if (text.find_first_not_of(" \t\r") == std::string::npos) {
      continue;
    }
    const RequestLine json(text, file, line);
    RecordedRequest& request = requests.emplace_back();
    request.input_toks = json.tokens("input_toks", 0);
    request.output_toks = std::max<std::int64_t>(1, json.tokens("output_toks", 1));
    request.arrival = json.stamp("arrival_time");
    request.queued = json.stamp("queued_ts");
    request.scheduled = json.stamp("scheduled_ts");
    request.first_token = json.stamp("first_token_ts");
    request.last_token = json.stamp("last_token_ts");
  }
  if (requests.empty()) {
    throw UserError("no request was recorded", Where{file.string(), 0, {}}, "record the run again");
  }
  return requests;
}

}  // namespace

std::optional<double> RecordedRequest::anchor() const {
  if (!queued || !arrival) {
    return queued ? queued : arrival;
  }
  if (same_clock(arrival, first_token) && same_clock(arrival, last_token)) {
    return arrival;
  }
  const bool queue_fits = same_clock(queued, first_token) || same_clock(queued, last_token);
  return queue_fits ? queued : arrival;
}

bool RecordedRequest::complete() const {
  return anchor() && first_token && last_token;
}

RecordedRun read_recorded_run(const fs::path& dir) {
  std::error_code failed;
  if (!fs::is_directory(dir, failed)) {
    throw UserError("there is no such folder", Where{dir.string(), 0, {}},
                    "give the folder of a recorded run, which holds config.json and vllm/");
  }
  RecordedRun run;
  run.dir = dir;
  read_meta(dir / "vllm" / "meta.json", run);
  run.requests = read_requests(dir / "vllm" / "requests.jsonl");
  return run;
}

fs::path find_dataset(const RecordedRun& run) {
  if (run.dataset_path.empty()) {
    throw UserError("the recording does not name its workload",
                    Where{(run.dir / "vllm" / "meta.json").string(), 0, "dataset_path"},
                    "give the workload file with --dataset");
  }
  std::error_code failed;
  const fs::path named(run.dataset_path);
  if (fs::is_regular_file(named, failed)) {
    return named;
  }
  fs::path above = fs::absolute(run.dir).lexically_normal();
  while (above != above.parent_path()) {
    above = above.parent_path();
    if (fs::is_regular_file(above / named, failed)) {
      return above / named;
    }
  }
  throw UserError("the recorded workload is not here", Where{run.dataset_path, 0, {}},
                  fmt::format("it is looked for in the working directory and in every folder above "
                              "{}; give its place with --dataset",
                              run.dir.string()));
}

}  // namespace lockstep
