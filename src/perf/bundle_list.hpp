// Which measured bundles lie under the folders that are searched.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace lockstep {

struct ListedBundle {
  std::string hardware;
  std::string model;  ///< "<owner>/<model>"
  std::string variant;
  std::vector<std::int64_t> degrees;  ///< tensor parallel, ascending
  std::filesystem::path dir;
};

/// In search order, then by name; one that an earlier folder hides is left out.
[[nodiscard]] std::vector<ListedBundle> list_bundles(
    const std::vector<std::filesystem::path>& roots);

}  // namespace lockstep
