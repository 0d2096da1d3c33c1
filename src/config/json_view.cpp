#include "config/json_view.hpp"

#include <fmt/format.h>

#include <cmath>
#include <utility>
#include <vector>

#include "config/near_miss.hpp"
#include "config/number_text.hpp"

namespace lockstep {
namespace {

constexpr double kLargestExact = 9007199254740992.0;  // 2^53

/// The value as a short text for a message.
std::string shown(const nlohmann::ordered_json& value) {
  constexpr std::size_t kLongest = 40;
  std::string text = value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  if (text.size() > kLongest) {
    text.resize(kLongest);
    text += "...";
  }
  return text;
}

}  // namespace

std::optional<JsonView> JsonView::find(std::string_view key) const {
  const auto found = value_->find(std::string(key));
  if (found == value_->end() || found->is_null()) {
    return std::nullopt;
  }
  return JsonView(*document_, *found, child_path(path_, key));
}

bool JsonView::has(std::string_view key) const {
  return value_->contains(std::string(key));
}

JsonView JsonView::require(std::string_view key, std::string_view place) const {
  object();
  const auto found = value_->find(std::string(key));
  if (found == value_->end()) {
    std::string mend = fmt::format("add '{}'", key);
    const std::string_view wanted[] = {key};
    for (const auto& item : value_->items()) {
      if (!nearest_name(item.key(), wanted).empty()) {
        mend = fmt::format("rename '{}' to '{}'", item.key(), key);
      }
    }
    fail(fmt::format("Missing required key '{}' in {}.", key, place), std::move(mend));
  }
  return {*document_, *found, child_path(path_, key)};
}

JsonView JsonView::item(std::size_t index) const {
  return {*document_, (*value_)[index], child_path(path_, index)};
}

const JsonView& JsonView::object() const {
  if (!value_->is_object()) {
    wrong_type("an object {...}");
  }
  return *this;
}

const JsonView& JsonView::array() const {
  if (!value_->is_array()) {
    wrong_type("a list [...]");
  }
  return *this;
}

double JsonView::number() const {
  if (!value_->is_number()) {
    wrong_type("a number");
  }
  const double value = value_->get<double>();
  if (!std::isfinite(value)) {
    wrong_type("a finite number");
  }
  return value;
}

std::int64_t JsonView::integer() const {
  const double value = value_->is_number() ? value_->get<double>() : 0.5;
  if (std::trunc(value) != value || std::fabs(value) > kLargestExact) {
    wrong_type("a whole number");
  }
  return static_cast<std::int64_t>(value);
}

std::string JsonView::text() const {
  if (!value_->is_string()) {
    wrong_type("a text in quotes");
  }
  return value_->get<std::string>();
}

bool JsonView::boolean() const {
  if (value_->is_boolean()) {
    return value_->get<bool>();
  }
  if (value_->is_number_integer() && (*value_ == 0 || *value_ == 1)) {
    return *value_ == 1;
  }
  wrong_type("true or false, without quotes");
}

double JsonView::number_at_least(double least) const {
  const double value = number();
  if (value < least) {
    fail(fmt::format("'{}' is {}", path_, shown(*value_)),
         fmt::format("give a number of at least {}", plain_number_text(least)));
  }
  return value;
}

double JsonView::number_above(double bound) const {
  const double value = number();
  if (value <= bound) {
    fail(fmt::format("'{}' is {}", path_, shown(*value_)),
         fmt::format("give a number above {}", plain_number_text(bound)));
  }
  return value;
}

std::int64_t JsonView::integer_between(std::int64_t least, std::int64_t most) const {
  const std::int64_t value = integer();
  if (value < least || value > most) {
    fail(fmt::format("'{}' is {}", path_, value),
         fmt::format("give a whole number from {} to {}", least, most));
  }
  return value;
}

Where JsonView::where() const {
  return {document_->file, document_->line_of(path_), path_};
}

Where JsonView::where_of(std::string_view key) const {
  const std::string path = child_path(path_, key);
  const std::int64_t line = document_->line_of(path);
  return line == 0 ? where() : Where{document_->file, line, path};
}

void JsonView::fail(std::string problem, std::string mend) const {
  throw UserError(std::move(problem), where(), std::move(mend));
}

void JsonView::fail_at(std::string_view key, std::string problem, std::string mend) const {
  throw UserError(std::move(problem), where_of(key), std::move(mend));
}

void JsonView::wrong_type(std::string_view wanted) const {
  const std::string name = path_.empty() ? "the file's value" : fmt::format("'{}'", path_);
  fail(fmt::format("{} is {}, not {}", name, shown(*value_), wanted),
       fmt::format("give {}", wanted));
}

std::string_view python_type_name(const nlohmann::ordered_json& value) {
  if (value.is_string()) {
    return "str";
  }
  if (value.is_boolean()) {
    return "bool";
  }
  if (value.is_number_float()) {
    return "float";
  }
  if (value.is_number()) {
    return "int";
  }
  if (value.is_object()) {
    return "dict";
  }
  return value.is_array() ? "list" : "NoneType";
}

}  // namespace lockstep
