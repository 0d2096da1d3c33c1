// A JSON file held in memory, with the line that each value starts on, so that a message about a
// value can name the line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

struct JsonDocument {
  std::string file;                           ///< as the user named it
  nlohmann::ordered_json root;                ///< keys in file order; of equal keys the last
  std::map<std::string, std::int64_t> lines;  ///< by path, such as nodes[0].instances[1].ep_size
  std::vector<std::string> repeated_keys;     ///< paths of keys that occur more than once

  /// 0 when the path is not in the file.
  [[nodiscard]] std::int64_t line_of(const std::string& path) const;

  /// Throws UserError for a missing file, bad JSON (with its line) and absurd nesting.
  [[nodiscard]] static JsonDocument read(const std::filesystem::path& file);
  [[nodiscard]] static JsonDocument parse(std::string_view text, std::string file);
};

/// `path` + "." + `key`, or `key` alone at the top.
[[nodiscard]] std::string child_path(const std::string& path, std::string_view key);
[[nodiscard]] std::string child_path(const std::string& path, std::size_t index);

}  // namespace lockstep
