#include "workload/workload_writer.hpp"

#include <fmt/format.h>

#include <iterator>
#include <utility>

namespace lockstep {
namespace {

void append_integer(std::string& line, std::int64_t number) {
  const fmt::format_int digits(number);
  line.append(digits.data(), digits.size());
}

void append_ids(std::string& line, std::string_view key, const TokenIds& ids) {
  if (ids.empty()) {
    return;
  }
  line += key;
  std::string_view separator = "[";
  for (const std::int32_t id : ids) {
    line += separator;
    append_integer(line, id);
    separator = ", ";
  }
  line += ']';
}

/// Only what JSON demands is escaped; characters beyond ASCII stay as they are.
void append_text(std::string& line, std::string_view text) {
  line += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      line += '\\';
      line += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(line), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      line += c;
    }
  }
  line += '"';
}

}  // namespace

/// What is not as it is without the key.
void WorkloadWriter::append_features(const WorkloadRequest& request) {
  if (request.priority != 0) {
    line_ += ", \"priority\": ";
    append_integer(line_, request.priority);
  }
  if (request.lora >= 0 && static_cast<std::size_t>(request.lora) < loras_.size()) {
    line_ += ", \"lora\": ";
    append_text(line_, loras_[static_cast<std::size_t>(request.lora)]);
  }
}

void WorkloadWriter::append_call(const WorkloadRequest& call, std::string_view time_key,
                                 Nanos time) {
  line_ += "{\"input_toks\": ";
  append_integer(line_, call.input_toks);
  line_ += ", \"output_toks\": ";
  append_integer(line_, call.output_toks);
  line_ += time_key;
  append_integer(line_, time.count());
  append_features(call);
  append_ids(line_, ", \"input_tok_ids\": ", call.input_ids);
  append_ids(line_, ", \"output_tok_ids\": ", call.output_ids);
  append_ids(line_, ", \"prefix_ids\": ", call.prefix_ids);
  line_ += '}';
}

WorkloadWriter::WorkloadWriter(std::filesystem::path file) : out_(std::move(file)) {}

void WorkloadWriter::write_request(const WorkloadRequest& request) {
  line_.clear();
  append_call(request, ", \"arrival_time_ns\": ", request.arrival);
  line_ += '\n';
  out_.write(line_);
}

void WorkloadWriter::write_mooncake(const WorkloadRequest& request) {
  constexpr std::int64_t kNanos = 1'000'000;
  line_ = "{\"timestamp\": ";
  append_integer(line_, request.arrival.count() / kNanos);
  line_ += ", \"input_length\": ";
  append_integer(line_, request.input_toks);
  line_ += ", \"output_length\": ";
  append_integer(line_, request.output_toks);
  append_features(request);
  append_ids(line_, ", \"hash_ids\": ", request.prefix_ids);
  line_ += "}\n";
  out_.write(line_);
}

void WorkloadWriter::write_session(std::string_view session_id, Nanos arrival,
                                   std::span<const WorkloadRequest> calls) {
  line_ = "{\"session_id\": ";
  append_text(line_, session_id);
  line_ += ", \"arrival_time_ns\": ";
  append_integer(line_, arrival.count());
  line_ += ", \"sub_requests\": [";
  for (std::size_t i = 0; i < calls.size(); ++i) {
    line_ += i == 0 ? "" : ", ";
    append_call(calls[i], ", \"tool_duration_ns\": ", calls[i].tool_duration);
  }
  line_ += "]}\n";
  out_.write(line_);
}

void WorkloadWriter::finish() {
  out_.commit();
}

void write_workload(const Workload& workload, const std::filesystem::path& file) {
  WorkloadWriter writer(file);
  writer.name_loras(workload.loras);
  const std::span<const WorkloadRequest> requests(workload.requests);
  std::size_t next = 0;
  while (next < requests.size()) {
    const WorkloadRequest& request = requests[next];
    if (request.session < 0) {
      writer.write_request(request);
      ++next;
      continue;
    }
    const auto& session = workload.sessions[static_cast<std::size_t>(request.session)];
    const auto calls = static_cast<std::size_t>(session.num_calls);
    writer.write_session(session.session_id, request.arrival, requests.subspan(next, calls));
    next += calls;
  }
  writer.finish();
}

}  // namespace lockstep
