#include "sweep/cluster_edit.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "config/near_miss.hpp"

namespace lockstep {
namespace {

using Json = nlohmann::ordered_json;
using Steps = std::span<const std::string>;

std::vector<std::string> steps_of(const std::string& path) {
  std::vector<std::string> steps(1);
  for (const char c : path) {
    if (c == '.') {
      steps.emplace_back();
    } else {
      steps.back() += c;
    }
  }
  return steps;
}

std::optional<std::size_t> index_of(std::string_view step) {
  std::size_t index = 0;
  const auto [stop, error] = std::from_chars(step.data(), step.data() + step.size(), index);
  const bool whole = error == std::errc{} && stop == step.data() + step.size();
  return whole ? std::optional(index) : std::nullopt;
}

[[noreturn]] void no_match(const JsonDocument& document, const std::string& path,
                           const std::string& why) {
  throw UserError(fmt::format("the path {} matches nothing: {}", path, why),
                  {document.file, 0, path},
                  "steps are keys, indices from 0, or *, such as nodes.0.instances.*.tp_size");
}

std::string missing_key(const Json& object, const std::string& key) {
  std::vector<std::string_view> names;
  for (const auto& [name, value] : object.items()) {
    names.emplace_back(name);
  }
  return fmt::format("there is no '{}'{}", key, suggestion(key, names));
}

class Setter {
public:
  Setter(const JsonDocument& document, const std::string& path, const Json& value)
      : document_(document), path_(path), value_(value) {}

  std::int64_t set(Json& at, Steps steps) {
    const std::string& step = steps.front();
    if (at.is_array()) {
      return set_in_list(at, steps);
    }
    if (!at.is_object()) {
      no_match(document_, path_, fmt::format("'{}' is looked for in a single value", step));
    }
    if (steps.size() == 1) {
      at[step] = value_;
      return 1;
    }
    if (step == "*") {
      std::int64_t matches = 0;
      for (auto& [name, child] : at.items()) {
        matches += set(child, steps.subspan(1));
      }
      return matches;
    }
    if (!at.contains(step)) {
      no_match(document_, path_, missing_key(at, step));
    }
    return set(at[step], steps.subspan(1));
  }

private:
  std::int64_t set_in_list(Json& list, Steps steps) {
    if (steps.front() == "*") {
      std::int64_t matches = 0;
      for (Json& child : list) {
        matches += set_at(child, steps);
      }
      return matches;
    }
    const auto index = index_of(steps.front());
    if (!index || *index >= list.size()) {
      no_match(document_, path_,
               fmt::format("'{}' is no element of a list of {}", steps.front(), list.size()));
    }
    return set_at(list[*index], steps);
  }

  std::int64_t set_at(Json& element, Steps steps) {
    if (steps.size() == 1) {
      element = value_;
      return 1;
    }
    return set(element, steps.subspan(1));
  }

  const JsonDocument& document_;
  const std::string& path_;
  const Json& value_;
};

}  // namespace

void set_by_path(JsonDocument& document, const std::string& path, const Json& value) {
  const std::vector<std::string> steps = steps_of(path);
  if (Setter(document, path, value).set(document.root, steps) == 0) {
    no_match(document, path, "a * stands for the elements of an empty list");
  }
}

void repeat_by_path(JsonDocument& document, const std::string& path, std::int64_t copies) {
  constexpr std::int64_t kMostCopies = 65536;
  const std::vector<std::string> steps = steps_of(path);
  if (copies < 1 || copies > kMostCopies) {
    throw UserError(fmt::format("there cannot be {} copies of {}", copies, path),
                    {document.file, 0, path}, "give a number from 1 to 65536");
  }
  Json* owner = nullptr;  // of the list
  Json* at = &document.root;
  for (const std::string& step : steps) {
    const auto index = at->is_array() ? index_of(step) : std::nullopt;
    if (at->is_object() && at->contains(step)) {
      owner = at;
      at = &(*at)[step];
    } else if (index && *index < at->size()) {
      at = &(*at)[*index];
    } else {
      no_match(document, path,
               at->is_object() ? missing_key(*at, step) : fmt::format("no element '{}'", step));
    }
  }
  const std::string name = steps.size() < 2 ? std::string() : steps[steps.size() - 2];
  if (owner == nullptr || !index_of(steps.back()) || !(*owner)[name].is_array()) {
    no_match(document, path, "copies are made of an element of a list");
  }
  const Json element = *at;
  (*owner)[name] = Json(static_cast<std::size_t>(copies), element);
  const std::string count = "num_" + name;
  if (owner->contains(count)) {
    (*owner)[count] = copies;
  }
}

}  // namespace lockstep
