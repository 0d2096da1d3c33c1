#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/error.hpp"
#include "workload/json_field.hpp"
#include "workload/line_reader.hpp"
#include "workload/workload.hpp"

namespace lockstep {
namespace {

using simdjson::dom::element;

/// The known keys of a line or of a sub-request; of a key given twice the last one counts.
struct Keys {
  std::optional<element> input_toks;
  std::optional<element> output_toks;
  std::optional<element> arrival_time_ns;
  std::optional<element> tool_duration_ns;
  std::optional<element> input_tok_ids;
  std::optional<element> output_tok_ids;
  std::optional<element> session_id;
  std::optional<element> sub_requests;
};

Keys known_keys(simdjson::dom::object object) {
  Keys keys;
  const std::pair<std::string_view, std::optional<element>*> slots[] = {
      {"input_toks", &keys.input_toks},           {"output_toks", &keys.output_toks},
      {"arrival_time_ns", &keys.arrival_time_ns}, {"tool_duration_ns", &keys.tool_duration_ns},
      {"input_tok_ids", &keys.input_tok_ids},     {"output_tok_ids", &keys.output_tok_ids},
      {"session_id", &keys.session_id},           {"sub_requests", &keys.sub_requests}};
  for (const auto field : object) {
    for (const auto& [name, slot] : slots) {
      if (field.key == name) {
        *slot = field.value;
      }
    }
  }
  return keys;
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

class WorkloadReader {
public:
  WorkloadReader(std::string file, const WorkloadReadOptions& options)
      : file_(std::move(file)), options_(options) {}

  void read_line(std::string_view line, std::int64_t number);
  Workload take() { return std::move(workload_); }

private:
  element parse(std::string_view line, const LinePlace& place);
  void read_flat(const Keys& keys, const LinePlace& place);
  void read_session(const Keys& keys, const LinePlace& place);
  WorkloadRequest& read_call(const Keys& keys, const LinePlace& place, std::int64_t call);
  std::string session_id(const Keys& keys, const LinePlace& place);

  std::string file_;
  WorkloadReadOptions options_;
  simdjson::dom::parser parser_;
  std::unordered_map<std::string, std::int64_t> session_lines_;  ///< looked up, never walked
  Workload workload_;
};

element WorkloadReader::parse(std::string_view line, const LinePlace& place) {
  if (line.size() > parser_.capacity()) {  // in powers of two: growing lines reallocate rarely
    const std::size_t wanted = std::bit_ceil(std::max(line.size(), LineReader::kBlock / 16));
    if (parser_.allocate(std::min(wanted, simdjson::SIMDJSON_MAXSIZE_BYTES)) != simdjson::SUCCESS) {
      fail_field({place, {}}, "the line is too long to be parsed", "split the file's lines");
    }
  }
  element root;
  // The line reader provides the padding, so no copy is wanted.
  const auto error = parser_.parse(line.data(), line.size(), false).get(root);
  if (error != simdjson::SUCCESS) {
    fail_field({place, {}}, fmt::format("the line is no JSON ({})", simdjson::error_message(error)),
               "write one complete JSON object per line");
  }
  return root;
}

void WorkloadReader::read_line(std::string_view line, std::int64_t number) {
  const LinePlace place{file_, number};
  simdjson::dom::object object;
  if (parse(line, place).get_object().get(object) != simdjson::SUCCESS) {
    fail_field({place, {}}, "the line is JSON, but no object", "write one JSON object per line");
  }
  const Keys keys = known_keys(object);
  if (keys.sub_requests) {
    read_session(keys, place);
  } else {
    read_flat(keys, place);
  }
}

void WorkloadReader::read_flat(const Keys& keys, const LinePlace& place) {
  WorkloadRequest& request = read_call(keys, place, -1);
  request.arrival = Nanos{read_integer({place, "arrival_time_ns", -1, keys.arrival_time_ns})};
}

WorkloadRequest& WorkloadReader::read_call(const Keys& keys, const LinePlace& place,
                                           std::int64_t call) {
  WorkloadRequest request;
  request.id = static_cast<std::int64_t>(workload_.requests.size());
  request.input_toks = read_count({place, "input_toks", call, keys.input_toks});
  request.output_toks = read_count({place, "output_toks", call, keys.output_toks});
  if (request.output_toks > kLargestNumber - request.input_toks) {
    fail_field({place, "output_toks", call},
               "the sum of `input_toks` and `output_toks` exceeds 2^62",
               "write the number of tokens of the request");
  }
  if (options_.with_token_ids) {
    request.input_ids = read_token_ids({place, "input_tok_ids", call, keys.input_tok_ids});
    request.output_ids = read_token_ids({place, "output_tok_ids", call, keys.output_tok_ids});
  }
  return workload_.requests.emplace_back(std::move(request));
}

std::string WorkloadReader::session_id(const Keys& keys, const LinePlace& place) {
  std::string id = fmt::format("session_{}", workload_.requests.size());
  if (keys.session_id) {
    std::string_view text;
    std::int64_t number = 0;
    if (keys.session_id->get_string().get(text) == simdjson::SUCCESS) {
      id = text;
    } else if (keys.session_id->get_int64().get(number) == simdjson::SUCCESS) {
      id = std::to_string(number);
    } else {
      fail_field({place, "session_id"}, "`session_id` is neither a text nor a number",
                 "write a text of its own for each session, or leave the key out");
    }
  }
  const auto [entry, is_new] = session_lines_.try_emplace(id, place.line);
  if (!is_new) {
    fail_field({place, "session_id"},
               fmt::format("the session id \"{}\" was already given on line {}", id, entry->second),
               "give every session an id of its own, or leave `session_id` out");
  }
  return id;
}

void WorkloadReader::read_session(const Keys& keys, const LinePlace& place) {
  simdjson::dom::array calls;
  if (keys.sub_requests->get_array().get(calls) != simdjson::SUCCESS) {
    fail_field({place, "sub_requests"}, "`sub_requests` is not a list",
               "write a list with one object per call");
  }
  if (calls.begin() == calls.end()) {
    return;  // an empty session takes no ids
  }
  WorkloadSession session;
  session.session_id = session_id(keys, place);
  session.first_request = static_cast<std::int64_t>(workload_.requests.size());
  const Nanos arrival{read_integer({place, "arrival_time_ns", -1, keys.arrival_time_ns})};
  for (const element item : calls) {
    simdjson::dom::object object;
    if (item.get_object().get(object) != simdjson::SUCCESS) {
      fail_field({place, {}, session.num_calls}, "a sub-request is not an object",
                 "write an object with `input_toks` and `output_toks`");
    }
    const Keys call_keys = known_keys(object);
    WorkloadRequest& request = read_call(call_keys, place, session.num_calls);
    request.session = static_cast<std::int32_t>(workload_.sessions.size());
    request.session_call = static_cast<std::int32_t>(session.num_calls);
    if (call_keys.tool_duration_ns) {
      request.tool_duration = Nanos{
          read_count({place, "tool_duration_ns", session.num_calls, call_keys.tool_duration_ns})};
    }
    if (session.num_calls == 0) {
      request.arrival = arrival;
    }
    ++session.num_calls;
  }
  workload_.sessions.push_back(std::move(session));
}

}  // namespace

Workload read_workload(const std::filesystem::path& file, const WorkloadReadOptions& options) {
  LineReader lines(file);
  WorkloadReader reader(file.string(), options);
  std::int64_t first_blank = 0;
  while (options.max_lines <= 0 || lines.line_number() < options.max_lines) {
    const auto line = lines.next();
    if (!line) {
      break;
    }
    if (is_blank(*line)) {  // allowed behind the last request only
      first_blank = first_blank == 0 ? lines.line_number() : first_blank;
      continue;
    }
    if (first_blank != 0) {
      throw UserError("a blank line between requests", Where{file.string(), first_blank, {}},
                      "delete the line");
    }
    reader.read_line(*line, lines.line_number());
  }
  Workload workload = reader.take();
  if (workload.requests.empty()) {
    throw UserError("the workload holds no request", Where{file.string(), 0, {}},
                    "add one JSON object per line, or generate a workload with "
                    "`lockstep workload`");
  }
  return workload;
}

}  // namespace lockstep
