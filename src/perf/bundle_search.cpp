#include "perf/bundle_search.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "perf/bundle.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

bool is_dir(const fs::path& path) {
  std::error_code failed;
  return fs::is_directory(path, failed);
}

// Names of the folders in `dir`, `levels` deep, sorted: "a" or "a/b".
std::vector<std::string> folders_in(const fs::path& dir, int levels) {
  std::vector<std::string> names;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(dir, failed)) {
    if (!is_dir(entry.path())) {
      continue;
    }
    const std::string name = entry.path().filename().string();
    if (levels == 1) {
      names.push_back(name);
      continue;
    }
    for (const std::string& inner : folders_in(entry.path(), levels - 1)) {
      names.push_back(fmt::format("{}/{}", name, inner));
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string listing(const std::vector<std::string>& names) {
  return names.empty() ? std::string() : fmt::format("present: {}", fmt::join(names, ", "));
}

BundleMiss no_degree(const fs::path& dir, std::int64_t tp) {
  std::vector<std::string> names;
  for (const std::int64_t degree : degrees_in(dir)) {
    names.push_back(fmt::format("tp{}", degree));
  }
  return {fmt::format("no tp{} in {}", tp, dir.string()), listing(names)};
}

}  // namespace

std::optional<fs::path> find_bundle(const std::vector<fs::path>& roots, const BundleName& name) {
  for (const fs::path& root : roots) {
    const fs::path dir = root / name.folder();
    const std::vector<std::int64_t> degrees = degrees_in(dir);
    if (std::binary_search(degrees.begin(), degrees.end(), name.tp)) {
      return dir;
    }
  }
  return std::nullopt;
}

BundleMiss explain_miss(const std::vector<fs::path>& roots, const BundleName& name) {
  // The root that comes closest decides: the deepest folder that exists.
  for (const fs::path& root : roots) {
    if (is_dir(root / name.folder())) {
      return no_degree(root / name.folder(), name.tp);
    }
  }
  for (const fs::path& root : roots) {
    const fs::path model = root / name.hardware / name.model;
    if (is_dir(model)) {
      return {fmt::format("no variant {} under {}", name.variant, model.string()),
              listing(folders_in(model, 1))};
    }
  }
  for (const fs::path& root : roots) {
    const fs::path hardware = root / name.hardware;
    if (is_dir(hardware)) {
      return {fmt::format("no model {} under {}", name.model, hardware.string()),
              listing(folders_in(hardware, 2))};
    }
  }
  for (const fs::path& root : roots) {
    if (is_dir(root)) {
      return {fmt::format("no hardware {} under {}", name.hardware, root.string()),
              listing(folders_in(root, 1))};
    }
  }
  return {"none of the folders for bundles exists", {}};
}

}  // namespace lockstep
