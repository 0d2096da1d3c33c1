#include "workload/json_field.hpp"

#include <fmt/format.h>

#include <cmath>

#include "base/error.hpp"
#include "base/numeric.hpp"
#include "workload/integer_list.hpp"

namespace lockstep {
namespace {

std::string_view kind_name(JsonValue::Kind kind) {
  switch (kind) {
    case JsonValue::Kind::text:
      return "a text";
    case JsonValue::Kind::list:
      return "a list";
    case JsonValue::Kind::object:
      return "an object";
    case JsonValue::Kind::other:
      return "true, false or null";
    default:
      return "a number";
  }
}

std::optional<std::int64_t> integer_of(const JsonValue& value) {
  switch (value.kind) {
    case JsonValue::Kind::integer:
      return value.integer;
    case JsonValue::Kind::real:
      if (!(std::abs(value.real) <= static_cast<double>(kLargestNumber))) {
        return std::nullopt;
      }
      return truncate(value.real);
    case JsonValue::Kind::text:
      return parse_integer_text(value.text);
    default:
      return std::nullopt;
  }
}

}  // namespace

void fail_field(const JsonField& field, const std::string& problem, const std::string& mend) {
  std::string path = field.call >= 0 ? fmt::format("sub_requests[{}]", field.call) : std::string{};
  if (!field.name.empty()) {
    path += path.empty() ? std::string(field.name) : fmt::format(".{}", field.name);
  }
  throw UserError(problem, Where{std::string(field.place.file), field.place.line, path}, mend);
}

std::int64_t read_integer(const JsonField& field) {
  if (field.value.kind == JsonValue::Kind::absent) {
    fail_field(field, fmt::format("`{}` is missing", field.name),
               fmt::format("add \"{}\": a whole number", field.name));
  }
  const auto number = integer_of(field.value);
  if (!number && field.value.kind != JsonValue::Kind::real) {
    fail_field(
        field,
        fmt::format("`{}` is {}, not a whole number", field.name, kind_name(field.value.kind)),
        "write a whole number");
  }
  if (!number || *number > kLargestNumber || *number < -kLargestNumber) {
    fail_field(field, fmt::format("`{}` is out of range", field.name),
               "write a number of a magnitude up to 2^62");
  }
  return *number;
}

std::int64_t read_count(const JsonField& field) {
  const std::int64_t count = read_integer(field);
  if (count < 0) {
    fail_field(field, fmt::format("`{}` is negative ({})", field.name, count),
               "write a whole number >= 0");
  }
  return count;
}

Nanos read_milliseconds(const JsonField& field) {
  constexpr std::int64_t kNanos = 1'000'000;
  if (field.value.kind != JsonValue::Kind::real) {
    const std::int64_t number = read_integer(field);
    if (number < 0 || number > kLargestNumber / kNanos) {
      fail_field(field, fmt::format("`{}` is out of range ({})", field.name, number),
                 "write milliseconds from 0 to 4e12");
    }
    return Nanos{number * kNanos};
  }
  const double nanos = field.value.real * static_cast<double>(kNanos);
  if (!(nanos >= 0 && nanos <= static_cast<double>(kLargestNumber))) {
    fail_field(field, fmt::format("`{}` is out of range ({})", field.name, field.value.real),
               "write milliseconds from 0 to 4e12");
  }
  return Nanos{round_half_even(nanos)};
}

TokenIds read_token_ids(const JsonField& field) {
  TokenIds ids;
  if (field.value.kind == JsonValue::Kind::absent) {
    return ids;
  }
  if (field.value.kind != JsonValue::Kind::list) {
    fail_field(field,
               fmt::format("`{}` is {}, not a list", field.name, kind_name(field.value.kind)),
               "write a list of token ids, or leave the key out");
  }
  if (!parse_integer_list(field.value.text, ids)) {
    fail_field(field, fmt::format("`{}`[{}] is not a 32-bit integer", field.name, ids.size()),
               "ids are whole numbers below 2^31, with commas between them");
  }
  return ids;
}

std::optional<std::int64_t> parse_integer_text(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\n\r\v\f";
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) {
    return std::nullopt;
  }
  text = text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
  const bool negative = text.front() == '-';
  if (negative || text.front() == '+') {
    text.remove_prefix(1);
  }
  std::int64_t value = 0;
  bool digit_before = false;
  for (const char c : text) {
    if (c == '_' && digit_before) {
      digit_before = false;
      continue;
    }
    if (c < '0' || c > '9' || value > kLargestNumber / 10) {
      return std::nullopt;
    }
    value = value * 10 + (c - '0');
    digit_before = true;
  }
  if (!digit_before) {  // no digit at all, or an underscore at the end
    return std::nullopt;
  }
  return negative ? -value : value;
}

}  // namespace lockstep
