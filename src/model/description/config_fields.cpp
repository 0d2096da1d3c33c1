#include "model/description/config_fields.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "base/error.hpp"

namespace lockstep {

using Json = nlohmann::json;

ConfigFields::ConfigFields(const Json& json, std::string file, std::string path)
    : json_(&json), file_(std::move(file)), path_(std::move(path)) {}

bool ConfigFields::has(std::string_view key) const {
  const auto found = json_->find(key);
  return found != json_->end() && !found->is_null();
}

const Json& ConfigFields::get(std::string_view key) const {
  if (!has(key)) {
    fail(key, fmt::format("the model config lacks '{}{}'", path_, key), "add the field");
  }
  return *json_->find(key);
}

std::int64_t ConfigFields::integer(std::string_view key, std::int64_t smallest,
                                   std::int64_t largest) const {
  const Json& value = get(key);
  const bool fits = value.is_number_integer() &&
                    (!value.is_number_unsigned() ||
                     value.get<std::uint64_t>() <= static_cast<std::uint64_t>(largest));
  if (!fits || value.get<std::int64_t>() < smallest || value.get<std::int64_t>() > largest) {
    fail(key, fmt::format("'{}{}' is {}", path_, key, value.dump()),
         fmt::format("give a whole number from {} to {}", smallest, largest));
  }
  return value.get<std::int64_t>();
}

std::int64_t ConfigFields::integer_or(std::string_view key, std::int64_t absent,
                                      std::int64_t smallest) const {
  return has(key) ? integer(key, smallest) : absent;
}

std::int64_t ConfigFields::first_of(std::initializer_list<std::string_view> keys) const {
  for (const std::string_view key : keys) {
    if (has(key)) {
      return integer(key);
    }
  }
  fail(*keys.begin(), fmt::format("the model config lacks '{}{}'", path_, *keys.begin()),
       keys.size() > 1 ? fmt::format("add one of {}", fmt::join(keys, ", "))
                       : std::string("add the field"));
}

bool ConfigFields::flag_or(std::string_view key, bool absent) const {
  if (!has(key)) {
    return absent;
  }
  const Json& value = get(key);
  if (!value.is_boolean()) {
    fail(key, fmt::format("'{}{}' is {}", path_, key, value.dump()), "give true or false");
  }
  return value.get<bool>();
}

std::string ConfigFields::text(std::string_view key) const {
  const Json& value = get(key);
  if (!value.is_string()) {
    fail(key, fmt::format("'{}{}' is {}", path_, key, value.dump()), "give a text");
  }
  return value.get<std::string>();
}

std::optional<std::string> ConfigFields::optional_text(std::string_view key) const {
  return has(key) ? std::optional(text(key)) : std::nullopt;
}

std::vector<std::string> ConfigFields::texts(std::string_view key) const {
  std::vector<std::string> result;
  if (!has(key)) {
    return result;
  }
  const Json& value = get(key);
  bool good = value.is_array();
  for (std::size_t i = 0; good && i < value.size(); ++i) {
    good = value[i].is_string();
    if (good) {
      result.push_back(value[i].get<std::string>());
    }
  }
  if (!good) {
    fail(key, fmt::format("'{}{}' is not a list of texts", path_, key), "give a list of texts");
  }
  return result;
}

std::vector<std::int64_t> ConfigFields::integers(std::string_view key) const {
  std::vector<std::int64_t> result;
  if (!has(key)) {
    return result;
  }
  const Json& value = get(key);
  bool good = value.is_array();
  for (std::size_t i = 0; good && i < value.size(); ++i) {
    good = value[i].is_number_integer();
    if (good) {
      result.push_back(value[i].get<std::int64_t>());
    }
  }
  if (!good) {
    fail(key, fmt::format("'{}{}' is not a list of whole numbers", path_, key),
         "give a list of whole numbers");
  }
  return result;
}

ConfigFields ConfigFields::object(std::string_view key) const {
  const Json& value = get(key);
  if (!value.is_object()) {
    fail(key, fmt::format("'{}{}' is not an object", path_, key), "give an object");
  }
  return {value, file_, fmt::format("{}{}.", path_, key)};
}

void ConfigFields::fail(std::string_view key, std::string what, std::string mend) const {
  throw UserError(std::move(what), Where{file_, 0, fmt::format("{}{}", path_, key)},
                  std::move(mend));
}

}  // namespace lockstep
