#include "workload/line_scanner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

#include "workload/line_reader.hpp"

namespace lockstep {
namespace {

namespace json = simdjson::ondemand;

/// Stops the run when the parser reports a mistake in the line's syntax.
void check(simdjson::error_code error, const JsonField& field) {
  if (error != simdjson::SUCCESS) {
    fail_field(field, fmt::format("the line is no valid JSON: {}", simdjson::error_message(error)),
               "write one complete JSON object per line");
  }
}

JsonValue capture_number(json::value& value, const JsonField& field) {
  json::number number;
  if (value.get_number().get(number) != simdjson::SUCCESS) {
    fail_field(field, fmt::format("`{}` is no number that can be read", field.name),
               "write a whole number of a magnitude up to 2^62");
  }
  if (number.is_int64()) {
    return {JsonValue::Kind::integer, number.get_int64(), 0.0, {}};
  }
  return {JsonValue::Kind::real, 0, number.as_double(), {}};
}

/// Takes a value in without unpacking lists.
JsonValue capture(json::value& value, const JsonField& field) {
  json::json_type type{};
  check(value.type().get(type), field);
  JsonValue result;
  switch (type) {
    case json::json_type::array: {
      result.kind = JsonValue::Kind::list;
      json::array list;
      check(value.get_array().get(list), field);
      check(list.raw_json().get(result.text), field);
      break;
    }
    case json::json_type::object:
      result.kind = JsonValue::Kind::object;
      break;
    case json::json_type::string:
      result.kind = JsonValue::Kind::text;
      check(value.get_string().get(result.text), field);
      break;
    case json::json_type::number:
      return capture_number(value, field);
    default:
      result.kind = JsonValue::Kind::other;
      break;
  }
  return result;
}

/// Captures the known keys; `on_other(name, value)` gets each other one and may leave it unread.
template <class OnOther>
void scan_object(json::object object, const LinePlace& place, std::int64_t call, LineKeys& keys,
                 OnOther on_other) {
  for (auto entry : object) {
    json::field field;
    check(std::move(entry).get(field), {place, {}, call});
    std::string_view name;
    check(field.unescaped_key().get(name), {place, {}, call});
    if (JsonValue* slot = keys.find(name); slot != nullptr) {
      *slot = capture(field.value(), {place, name, call});
    } else {
      on_other(name, field.value());
    }
  }
}

}  // namespace

JsonValue* LineKeys::find(std::string_view name) {
  const std::pair<std::string_view, JsonValue*> slots[] = {{"input_toks", &input_toks},
                                                           {"output_toks", &output_toks},
                                                           {"input_tok_ids", &input_tok_ids},
                                                           {"output_tok_ids", &output_tok_ids},
                                                           {"arrival_time_ns", &arrival_time_ns},
                                                           {"tool_duration_ns", &tool_duration_ns},
                                                           {"session_id", &session_id},
                                                           {"prefix_ids", &prefix_ids},
                                                           {"priority", &priority},
                                                           {"lora", &lora},
                                                           {"timestamp", &timestamp},
                                                           {"input_length", &input_length},
                                                           {"output_length", &output_length},
                                                           {"hash_ids", &hash_ids}};
  for (const auto& [known, slot] : slots) {
    if (name == known) {
      return slot;
    }
  }
  return nullptr;
}

bool LineKeys::is_mooncake() const {
  const auto given = [](const JsonValue& value) { return value.kind != JsonValue::Kind::absent; };
  return !given(input_toks) && (given(input_length) || given(hash_ids));
}

void LineScanner::scan(std::string_view line, const LinePlace& place) {
  keys_ = {};
  sub_requests_.clear();
  is_session_ = false;
  const JsonField whole{place, {}};
  if (line.size() > parser_.capacity()) {  // in powers of two: growing lines reallocate rarely
    const std::size_t wanted = std::bit_ceil(std::max(line.size(), LineReader::kBlock / 8));
    check(parser_.allocate(std::min(wanted, simdjson::SIMDJSON_MAXSIZE_BYTES)), whole);
  }
  json::document document;
  check(parser_.iterate(line.data(), line.size(), line.size() + LineReader::kPadding).get(document),
        whole);
  json::json_type type{};
  check(document.type().get(type), whole);
  if (type != json::json_type::object) {
    fail_field(whole, "the line holds no JSON object", "write one JSON object per line");
  }
  json::object object;
  check(document.get_object().get(object), whole);
  scan_object(object, place, -1, keys_, [&](std::string_view name, json::value& value) {
    if (name == "sub_requests") {
      scan_sub_requests(value, place);
    }
  });
  if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) {  // not at the end
    fail_field(whole, "something follows the JSON object", "write one JSON object per line");
  }
}

void LineScanner::scan_sub_requests(json::value value, const LinePlace& place) {
  is_session_ = true;
  sub_requests_.clear();
  json::array list;
  if (value.get_array().get(list) != simdjson::SUCCESS) {
    fail_field({place, "sub_requests"}, "`sub_requests` is not a list",
               "write a list with one object per call");
  }
  for (auto item : list) {
    const auto call = static_cast<std::int64_t>(sub_requests_.size());
    json::value element;
    check(std::move(item).get(element), {place, {}, call});
    json::object object;
    if (element.get_object().get(object) != simdjson::SUCCESS) {
      fail_field({place, {}, call}, "a sub-request is not an object",
                 "write an object with `input_toks` and `output_toks`");
    }
    scan_object(object, place, call, sub_requests_.emplace_back(),
                [](std::string_view, json::value&) {});
  }
}

}  // namespace lockstep
