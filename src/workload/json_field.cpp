#include "workload/json_field.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "base/numeric.hpp"

namespace lockstep {
namespace {

using simdjson::dom::element_type;

std::string_view type_name(element_type type) {
  switch (type) {
    case element_type::ARRAY:
      return "a list";
    case element_type::OBJECT:
      return "an object";
    case element_type::STRING:
      return "a text";
    case element_type::BOOL:
      return "true or false";
    case element_type::NULL_VALUE:
      return "null";
    default:
      return "a number";
  }
}

std::optional<std::int64_t> integer_of(simdjson::dom::element value) {
  switch (value.type()) {
    case element_type::INT64:
      return value.get_int64().value_unsafe();
    case element_type::DOUBLE: {
      const double number = value.get_double().value_unsafe();
      if (!(std::abs(number) <= static_cast<double>(kLargestNumber))) {
        return std::nullopt;
      }
      return truncate(number);
    }
    case element_type::STRING:
      return parse_integer_text(value.get_string().value_unsafe());
    default:
      return std::nullopt;
  }
}

[[noreturn]] void fail_number(const JsonField& field) {
  const element_type type = field.value->type();
  const bool is_number = type == element_type::UINT64 || type == element_type::DOUBLE;
  fail_field(field,
             is_number ? fmt::format("`{}` is out of range", field.name)
                       : fmt::format("`{}` is {}, not a whole number", field.name, type_name(type)),
             "write a whole number");
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
  if (!field.value) {
    fail_field(field, fmt::format("`{}` is missing", field.name),
               fmt::format("add \"{}\": a whole number", field.name));
  }
  const auto number = integer_of(*field.value);
  if (!number) {
    fail_number(field);
  }
  if (*number > kLargestNumber || *number < -kLargestNumber) {
    fail_field(field, fmt::format("`{}` is out of range ({})", field.name, *number),
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

TokenIds read_token_ids(const JsonField& field) {
  TokenIds ids;
  if (!field.value) {
    return ids;
  }
  simdjson::dom::array list;
  if (field.value->get_array().get(list) != simdjson::SUCCESS) {
    fail_field(field,
               fmt::format("`{}` is {}, not a list", field.name, type_name(field.value->type())),
               "write a list of token ids, or leave the key out");
  }
  ids.reserve(list.size());
  for (const simdjson::dom::element id : list) {
    std::int64_t number = 0;
    if (id.get_int64().get(number) != simdjson::SUCCESS ||
        number < std::numeric_limits<std::int32_t>::min() ||
        number > std::numeric_limits<std::int32_t>::max()) {
      fail_field(field, fmt::format("`{}`[{}] is not a 32-bit integer", field.name, ids.size()),
                 "token ids are whole numbers below 2^31");
    }
    ids.push_back(static_cast<std::int32_t>(number));
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
