// Small helpers over yaml-cpp: every complaint is a UserError with file and line.
#pragma once

#include <yaml-cpp/yaml.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/read_log.hpp"

namespace lockstep {

class YamlFile {
public:
  explicit YamlFile(std::filesystem::path file) : file_(std::move(file)) {
    ReadLog::note(file_, "kernel times");
    try {
      root_ = YAML::LoadFile(file_.string());
    } catch (const YAML::BadFile&) {
      throw UserError("cannot read this file", Where{file_.string(), 0, {}},
                      "check that it exists and that you may read it");
    } catch (const YAML::Exception& error) {
      refuse(error.mark, error.msg, "correct the YAML");
    }
  }

  [[nodiscard]] const YAML::Node& root() const { return root_; }

  /// The value of a key of a mapping; an undefined node when absent or null.
  [[nodiscard]] YAML::Node child(const YAML::Node& map, const std::string& key) const {
    if (!present(map)) {
      return YAML::Node(YAML::NodeType::Undefined);
    }
    if (!map.IsMap()) {
      refuse(map.Mark(), "expected a mapping that may hold '" + key + "'",
             "compare with a file of the same kind that is read");
    }
    return map[key];
  }

  [[nodiscard]] static bool present(const YAML::Node& node) {
    return node.IsDefined() && !node.IsNull();
  }

  template <class Value>
  [[nodiscard]] Value as(const YAML::Node& node, std::string_view name) const {
    try {
      return node.as<Value>();
    } catch (const YAML::Exception&) {
      refuse(node.Mark(), std::string(name) + " has the wrong type",
             "compare with a file of the same kind that is read");
    }
  }

  [[nodiscard]] double finite(const YAML::Node& node, std::string_view name) const {
    const auto value = as<double>(node, name);
    if (!std::isfinite(value)) {
      refuse(node.Mark(), std::string(name) + " must be finite", "correct the value");
    }
    return value;
  }

  [[noreturn]] void refuse(const YAML::Mark& mark, const std::string& problem,
                           const std::string& mend) const {
    throw UserError(problem, Where{file_.string(), mark.line + 1, {}}, mend);
  }

private:
  std::filesystem::path file_;
  YAML::Node root_;
};

}  // namespace lockstep
