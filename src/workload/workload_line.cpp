#include "workload/workload_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/error.hpp"
#include "workload/prefix_ids.hpp"

namespace lockstep {

void WorkloadReader::read_line(std::string_view line, std::int64_t number) {
  const LinePlace place{file_, number};
  scanner_.scan(line, place);
  if (scanner_.is_session()) {
    read_session(place);
  } else if (scanner_.keys().is_mooncake()) {
    read_mooncake(place);
  } else {
    read_flat(place);
  }
}

void WorkloadReader::read_flat(const LinePlace& place) {
  WorkloadRequest& request = read_call(scanner_.keys(), place, -1);
  request.arrival =
      Nanos{read_integer({place, "arrival_time_ns", -1, scanner_.keys().arrival_time_ns})};
}

/// Absent: as it is.
void WorkloadReader::read_priority(WorkloadRequest& request, const JsonField& field) {
  if (field.value.kind != JsonValue::Kind::absent) {
    request.priority = read_integer(field);
  }
}

/// A name. Absent: as it is.
void WorkloadReader::read_lora(WorkloadRequest& request, const JsonField& field) {
  std::string name;
  switch (field.value.kind) {
    case JsonValue::Kind::absent:
      return;
    case JsonValue::Kind::text:
      name = field.value.text;
      break;
    case JsonValue::Kind::integer:
      name = std::to_string(field.value.integer);
      break;
    default:
      fail_field(field, "`lora` is neither a text nor a whole number",
                 "write the name of an adapter, or leave the key out");
  }
  const auto [entry, is_new] =
      loras_.try_emplace(name, static_cast<std::int32_t>(workload_.loras.size()));
  if (is_new) {
    workload_.loras.push_back(name);
  }
  request.lora = entry->second;
}

/// One request of a published trace: a flat one in other words.
void WorkloadReader::read_mooncake(const LinePlace& place) {
  const LineKeys& keys = scanner_.keys();
  WorkloadRequest request;
  request.arrival = read_milliseconds({place, "timestamp", -1, keys.timestamp});
  WorkloadRequest& added = add(std::move(request), {place, "input_length", -1, keys.input_length},
                               {place, "output_length", -1, keys.output_length});
  read_prefix_ids(added, {place, "hash_ids", -1, keys.hash_ids});
  read_priority(added, {place, "priority", -1, keys.priority});
  read_lora(added, {place, "lora", -1, keys.lora});
}

/// Appends the request with these lengths.
WorkloadRequest& WorkloadReader::add(WorkloadRequest request, const JsonField& input,
                                     const JsonField& output) {
  request.id = next_id_++;
  request.input_toks = read_count(input);
  request.output_toks = read_count(output);
  if (request.output_toks > kLargestNumber - request.input_toks) {
    fail_field(output,
               fmt::format("the sum of `{}` and `{}` exceeds 2^62", input.name, output.name),
               "write the number of tokens of the request");
  }
  return workload_.requests.emplace_back(std::move(request));
}

/// All of them or none: a list of another length was made for other blocks or another prompt.
void WorkloadReader::read_prefix_ids(WorkloadRequest& request, const JsonField& field) const {
  if (!options_.with_token_ids) {
    return;
  }
  request.prefix_ids = read_token_ids(field);
  const auto given = static_cast<std::int64_t>(request.prefix_ids.size());
  const std::int64_t needed = prefix_ids_of(request.input_toks);
  if (given != needed && given != 0) {
    fail_field(field,
               fmt::format("`{}` has {} ids, but {} prompt tokens take {}", field.name, given,
                           request.input_toks, needed),
               fmt::format("give one id for every {} tokens of the prompt, the last ones included, "
                           "or none at all",
                           kPrefixIdTokens));
  }
}

WorkloadRequest& WorkloadReader::read_call(const LineKeys& keys, const LinePlace& place,
                                           std::int64_t call) {
  WorkloadRequest& request = add({}, {place, "input_toks", call, keys.input_toks},
                                 {place, "output_toks", call, keys.output_toks});
  if (options_.with_token_ids) {
    request.input_ids = read_token_ids({place, "input_tok_ids", call, keys.input_tok_ids});
    request.output_ids = read_token_ids({place, "output_tok_ids", call, keys.output_tok_ids});
  }
  const LineKeys& line = scanner_.keys();  // of a whole session
  read_priority(request, {place, "priority", -1, line.priority});
  read_priority(request, {place, "priority", call, keys.priority});
  read_lora(request, {place, "lora", call,
                      keys.lora.kind == JsonValue::Kind::absent ? line.lora : keys.lora});
  const JsonField prefix{place, "prefix_ids", call, keys.prefix_ids};
  read_prefix_ids(request, prefix);
  if (!request.prefix_ids.empty() && !(request.input_ids.empty() && request.output_ids.empty())) {
    fail_field(prefix, "the text is given as `prefix_ids` and as token ids",
               "leave one of them out");
  }
  return request;
}

std::string WorkloadReader::session_id(const LinePlace& place) {
  std::string id;
  switch (scanner_.keys().session_id.kind) {
    case JsonValue::Kind::absent:
      id = fmt::format("session_{}", next_id_);
      break;
    case JsonValue::Kind::text:
      id = scanner_.keys().session_id.text;
      break;
    case JsonValue::Kind::integer:
      id = std::to_string(scanner_.keys().session_id.integer);
      break;
    default:
      fail_field({place, "session_id"}, "`session_id` is neither a text nor a whole number",
                 "write a text of its own for each session, or leave the key out");
  }
  const auto [entry, is_new] = session_lines_.try_emplace(id, place.line);
  if (!is_new) {
    fail_field({place, "session_id"},
               fmt::format("the session id \"{}\" was already given on line {}", id, entry->second),
               "give every session an id of its own, or leave `session_id` out");
  }
  return id;
}

void WorkloadReader::read_session(const LinePlace& place) {
  if (scanner_.sub_requests().empty()) {
    return;  // an empty session takes no ids
  }
  WorkloadSession session;
  session.session_id = session_id(place);
  session.first_request = next_id_;
  session.num_calls = static_cast<std::int64_t>(scanner_.sub_requests().size());
  const Nanos arrival{
      read_integer({place, "arrival_time_ns", -1, scanner_.keys().arrival_time_ns})};
  for (std::int64_t call = 0; call < session.num_calls; ++call) {
    const LineKeys& keys = scanner_.sub_requests()[static_cast<std::size_t>(call)];
    WorkloadRequest& request = read_call(keys, place, call);
    request.session = static_cast<std::int32_t>(workload_.sessions.size());
    request.session_call = static_cast<std::int32_t>(call);
    request.arrival = call == 0 ? arrival : Nanos{};
    if (keys.tool_duration_ns.kind != JsonValue::Kind::absent) {
      request.tool_duration =
          Nanos{read_count({place, "tool_duration_ns", call, keys.tool_duration_ns})};
    }
  }
  workload_.sessions.push_back(std::move(session));
}

}  // namespace lockstep
