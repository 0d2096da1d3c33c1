#include "perf/bundle_list.hpp"

#include <algorithm>
#include <set>
#include <system_error>

#include "perf/bundle.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

/// Names of the folders in `dir`, sorted.
std::vector<std::string> folders(const fs::path& dir) {
  std::vector<std::string> names;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(dir, failed)) {
    if (entry.is_directory(failed)) {
      names.push_back(entry.path().filename().string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::vector<ListedBundle> list_bundles(const std::vector<fs::path>& roots) {
  std::vector<ListedBundle> found;
  std::set<std::string> seen;
  const auto add = [&](const fs::path& root, const std::string& hardware, const std::string& model,
                       const std::string& variant) {
    const fs::path name = fs::path(hardware) / model / variant;
    auto degrees = degrees_in(root / name);
    if (!degrees.empty() && seen.insert(name.string()).second) {
      found.push_back({hardware, model, variant, std::move(degrees), root / name});
    }
  };
  for (const fs::path& root : roots) {
    for (const std::string& hardware : folders(root)) {
      for (const std::string& owner : folders(root / hardware)) {
        for (const std::string& model : folders(root / hardware / owner)) {
          const std::string full = owner + "/" + model;
          for (const std::string& variant : folders(root / hardware / owner / model)) {
            add(root, hardware, full, variant);
          }
        }
      }
    }
  }
  return found;
}

}  // namespace lockstep
