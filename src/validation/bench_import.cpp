#include "validation/bench_import.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/json_depth.hpp"
#include "base/read_log.hpp"
#include "config/json_document.hpp"
#include "config/json_view.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMostTokens = std::int64_t{1} << 40;
constexpr double kMostSeconds = 1e12;
constexpr const char* kDetailed = "save the result with --save-result --save-detailed";

double time_in(const JsonView& value, double unit = 1.0) {
  const double seconds = value.number() * unit;
  if (std::abs(seconds) > kMostSeconds) {
    value.fail("this time lies beyond all bounds", "times are in seconds unless a unit is given");
  }
  return seconds;
}

std::int64_t tokens_in(const JsonView& value) {
  return value.integer_between(0, kMostTokens);
}

void check_order(const ClientRequest& request, const JsonView& at) {
  if (request.first < request.start || request.last < request.first) {
    at.fail("a request must begin before its first token, and that come before its last",
            "check which fields hold the times, and their unit");
  }
}

// ---- vLLM: parallel lists, one element a request.

class VllmBench {
public:
  explicit VllmBench(const JsonView& root) : root_(root) {
    for (const char* key : {"input_lens", "output_lens", "ttfts", "itls"}) {
      lists_.emplace(key, list(key, true).value());
    }
    starts_ = list("start_times", false);
    errors_ = list("errors", false);
  }

  ClientRun read() {
    ClientRun run;
    run.format = "vllm-bench";
    if (const auto model = root_.find("model_id")) {
      run.model = model->text();
    }
    if (!starts_) {
      assume_all_at_once(run);
    }
    for (std::size_t i = 0; i < lists_.at("ttfts").size(); ++i) {
      const bool failed =
          errors_ && !errors_->item(i).json().is_null() && !errors_->item(i).text().empty();
      if (failed || tokens_in(lists_.at("output_lens").item(i)) == 0) {
        ++run.left_out;
      } else {
        run.requests.push_back(request(i));
      }
    }
    return run;
  }

private:
  std::optional<JsonView> list(const char* key, bool needed) const {
    const auto found = root_.find(key);
    if (!found) {
      if (needed) {
        root_.fail_at(key, fmt::format("the result has no '{}', one a request", key), kDetailed);
      }
      return std::nullopt;
    }
    found->array();
    if (!lists_.empty() && found->size() != lists_.begin()->second.size()) {
      found->fail(fmt::format("{} requests here, and {} in {}", found->size(),
                              lists_.begin()->second.size(), lists_.begin()->first),
                  "the file was changed: save the result again");
    }
    return found;
  }

  /// Older versions do not save when requests were sent.
  void assume_all_at_once(ClientRun& run) const {
    const auto rate = root_.find("request_rate");
    const bool unlimited =
        rate && rate->json().is_string() && rate->text() == "inf" && !root_.find("max_concurrency");
    if (!unlimited) {
      root_.fail_at("start_times", "the result does not say when requests were sent",
                    "use a vLLM that saves start_times, or send all at once (--request-rate inf "
                    "without --max-concurrency)");
    }
    run.notes.emplace_back("no start_times: all requests were sent at once (request_rate inf)");
  }

  ClientRequest request(std::size_t i) const {
    ClientRequest out;
    out.input = tokens_in(lists_.at("input_lens").item(i));
    out.output = tokens_in(lists_.at("output_lens").item(i));
    out.start = starts_ ? time_in(starts_->item(i)) : 0.0;
    const JsonView ttft = lists_.at("ttfts").item(i);
    out.first = out.last = out.start + time_in(ttft);
    const JsonView gaps = lists_.at("itls").item(i);
    gaps.array();
    for (std::size_t gap = 0; gap < gaps.size(); ++gap) {
      out.last += gaps.item(gap).number_at_least(0.0);
    }
    check_order(out, ttft);
    return out;
  }

  JsonView root_;
  std::map<std::string, JsonView> lists_;
  std::optional<JsonView> starts_, errors_;
};

// ---- GuideLLM: a list of objects in each benchmark.

JsonView chosen_benchmark(const JsonView& root, std::optional<std::size_t> index) {
  const JsonView list = root.require("benchmarks", "the file");
  list.array();
  if (list.size() == 0) {
    list.fail("no benchmark was saved", "run the benchmark again");
  }
  if (!index && list.size() > 1) {
    list.fail(fmt::format("the file has {} benchmarks", list.size()),
              "choose one with --benchmark, counted from 0");
  }
  if (index.value_or(0) >= list.size()) {
    list.fail(fmt::format("there is no benchmark {}", *index),
              fmt::format("give --benchmark from 0 to {}", list.size() - 1));
  }
  return list.item(index.value_or(0));
}

/// The first of several names, since versions differ; fails at the last one.
JsonView first_of(const JsonView& object, std::initializer_list<std::string_view> paths) {
  for (const std::string_view path : paths) {
    std::optional<JsonView> at = object;
    for (std::size_t begin = 0; at && begin <= path.size();) {
      const std::size_t end = std::min(path.find('.', begin), path.size());
      at = at->json().is_object() ? at->find(path.substr(begin, end - begin)) : std::nullopt;
      begin = end + 1;
    }
    if (at) {
      return *at;
    }
  }
  object.fail(fmt::format("there is no {}", *std::prev(paths.end())),
              "save requests with their times and token counts");
}

ClientRun read_guidellm(const JsonView& root, std::optional<std::size_t> index) {
  const JsonView benchmark = chosen_benchmark(root, index).object();
  const JsonView requests = benchmark.require("requests", "a benchmark").object();
  const JsonView done = requests.require("successful", "the requests");
  done.array();
  ClientRun run;
  run.format = "guidellm";
  for (const char* status : {"errored", "incomplete"}) {
    if (const auto others = requests.find(status)) {
      run.left_out += static_cast<std::int64_t>(others->array().size());
    }
  }
  for (std::size_t i = 0; i < done.size(); ++i) {
    const JsonView item = done.item(i).object();
    ClientRequest request;
    request.input = tokens_in(first_of(item, {"prompt_tokens", "input_metrics.total_tokens"}));
    request.output = tokens_in(first_of(item, {"output_tokens", "output_metrics.total_tokens"}));
    request.start =
        time_in(first_of(item, {"info.timings.request_start", "request_start_time", "start_time"}));
    request.first =
        time_in(first_of(item, {"info.timings.first_token_iteration", "first_token_time"}));
    request.last =
        time_in(first_of(item, {"info.timings.last_token_iteration", "last_token_time"}));
    check_order(request, item);
    if (request.output == 0) {
      ++run.left_out;
    } else {
      run.requests.push_back(request);
    }
  }
  return run;
}

// ---- Request logs: one object a line.

bool has_failed(const JsonView& line, const LogFields& fields) {
  const auto status = line.find(fields.status);
  if (status && status->json().is_number() && status->number() >= 400.0) {
    return true;
  }
  const auto error = line.find("error");
  return error && !(error->json().is_string() && error->text().empty());
}

void read_log_line(const JsonView& line, const LogFields& fields, ClientRun& run) {
  line.object();
  if (has_failed(line, fields)) {
    ++run.left_out;
    return;
  }
  ClientRequest request;
  request.input = tokens_in(first_of(line, {fields.input}));
  request.output = tokens_in(first_of(line, {fields.output}));
  if (request.output == 0) {
    ++run.left_out;
    return;
  }
  request.start = time_in(first_of(line, {fields.start}), fields.unit);
  request.first = time_in(first_of(line, {fields.first}), fields.unit);
  request.last = time_in(first_of(line, {fields.last}), fields.unit);
  check_order(request, line);
  if (const auto model = line.find(fields.model); model && run.model.empty()) {
    run.model = model->text();
  }
  run.requests.push_back(request);
}

void read_log(const fs::path& file, const std::string& text, const LogFields& fields,
              ClientRun& run) {
  run.format = "request-log";
  std::int64_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) {
      continue;
    }
    try {
      const JsonDocument document = JsonDocument::parse(line, file.string());
      read_log_line(JsonView::root(document), fields, run);
    } catch (const UserError& error) {  // it knows its place in the line only
      throw UserError(error.problem(), {file.string(), number, error.where().path}, error.mend());
    }
  }
}

std::string contents(const fs::path& file) {
  ReadLog::note(file, "benchmark");
  std::ifstream in(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in.is_open() || in.bad()) {
    throw UserError("cannot read the file", Where{file.string(), 0, {}},
                    "give a benchmark's result or a log of requests");
  }
  return text;
}

/// Several lines that are objects of their own: a log. A result is one object.
bool is_log(const std::string& text) {
  const std::string first = text.substr(0, text.find('\n'));
  const auto json =
      json_is_deeper(first) ? nlohmann::json() : nlohmann::json::parse(first, nullptr, false);
  return json.is_object() && !json.contains("benchmarks") && !json.contains("ttfts") &&
         !json.contains("request_throughput");
}

}  // namespace

std::string* LogFields::find(std::string_view name) {
  const std::map<std::string_view, std::string*> all{
      {"start", &start},   {"first", &first}, {"last", &last},    {"input", &input},
      {"output", &output}, {"model", &model}, {"status", &status}};
  const auto found = all.find(name);
  return found == all.end() ? nullptr : found->second;
}

ClientRun read_client_run(const BenchImport& what) {
  ensure(!what.files.empty(), "no file to import");
  ClientRun run;
  const std::string text = contents(what.files.front());
  if (is_log(text)) {
    for (const fs::path& file : what.files) {
      read_log(file, contents(file), what.log, run);
    }
  } else {
    if (what.files.size() > 1) {
      throw UserError("several files, and the first is no log of requests",
                      Where{what.files.front().string(), 0, {}},
                      "import each result by itself: their clocks differ");
    }
    const JsonDocument document = JsonDocument::parse(text, what.files.front().string());
    const JsonView root = JsonView::root(document).object();
    run = root.has("benchmarks") ? read_guidellm(root, what.benchmark) : VllmBench(root).read();
  }
  if (run.requests.empty()) {
    throw UserError("no request that came back with a token",
                    Where{what.files.front().string(), 0, {}}, "import another run");
  }
  std::stable_sort(
      run.requests.begin(), run.requests.end(),
      [](const ClientRequest& a, const ClientRequest& b) { return a.start < b.start; });
  return run;
}

}  // namespace lockstep
