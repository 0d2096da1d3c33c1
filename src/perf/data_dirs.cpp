#include "perf/data_dirs.hpp"

#include <algorithm>
#include <cstdlib>
#include <system_error>

namespace lockstep {
namespace {

namespace fs = std::filesystem;

bool listed(const std::vector<fs::path>& dirs, const fs::path& dir) {
  return std::any_of(dirs.begin(), dirs.end(), [&](const fs::path& other) {
    std::error_code failed;
    return other == dir || fs::equivalent(other, dir, failed);
  });
}

}  // namespace

std::vector<fs::path> data_dirs(std::string_view name) {
  std::vector<fs::path> dirs = {fs::path(name)};
  const auto add = [&](const fs::path& base) {
    if (!listed(dirs, base / name)) {
      dirs.push_back(base / name);
    }
  };
  if (const char* given = std::getenv("LOCKSTEP_DATA_DIR"); given != nullptr && *given != '\0') {
    add(given);
  }
  // Of an installed program: <prefix>/bin/lockstep has <prefix>/share/lockstep.
  std::error_code failed;
  const fs::path share =
      fs::read_symlink("/proc/self/exe", failed).parent_path().parent_path() / "share/lockstep";
  if (!failed && fs::is_directory(share, failed)) {
    add(share);
  }
#ifdef LOCKSTEP_DATA_DIR
  add(LOCKSTEP_DATA_DIR);
#endif
  return dirs;
}

std::optional<fs::path> user_cache_dir() {
  const auto folder = [](const char* name) -> std::optional<fs::path> {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0' ? std::optional<fs::path>(value) : std::nullopt;
  };
  if (const auto cache = folder("XDG_CACHE_HOME")) {
    return *cache / "lockstep";
  }
  const auto home = folder("HOME");
  return home ? std::optional(*home / ".cache" / "lockstep") : std::nullopt;
}

}  // namespace lockstep
