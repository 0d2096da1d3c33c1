// Names from the user's files that become parts of a path.
#pragma once

#include <filesystem>
#include <string_view>

namespace lockstep {

/// Whether folder / name lies in the folder, whatever the folder is: the name leads neither up nor
/// to the root.
[[nodiscard]] inline bool stays_inside(std::string_view name) {
  const std::filesystem::path path(name);
  if (path.is_absolute() || name.find('\0') != std::string_view::npos) {
    return false;
  }
  for (const std::filesystem::path& part : path) {
    if (part == "..") {
      return false;
    }
  }
  return true;
}

/// The same name without the parts that lead up or to the root.
[[nodiscard]] inline std::filesystem::path kept_inside(std::string_view name) {
  std::filesystem::path kept;
  for (const std::filesystem::path& part : std::filesystem::path(name).relative_path()) {
    if (part != ".." && part != ".") {
      kept /= part;
    }
  }
  return kept;
}

}  // namespace lockstep
