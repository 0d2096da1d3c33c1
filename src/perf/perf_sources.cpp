// Where bundles are searched for.
#include <cstdlib>

#include "base/error.hpp"
#include "perf/data_dirs.hpp"
#include "perf/kernel_times.hpp"
#include "perf/tables/table_store.hpp"

namespace lockstep {

PerfSources perf_sources(const RunOptions& options) {
  PerfSources sources;
  sources.allow_analytic = !options.strict;
  if (options.perf_dir) {
    std::error_code failed;
    if (!std::filesystem::is_directory(*options.perf_dir, failed)) {
      throw UserError("the folder for kernel-time bundles does not exist",
                      Where{*options.perf_dir, 0, "--perf-dir"},
                      "give the folder that holds <hardware>/<model>/<variant>");
    }
    sources.roots.emplace_back(*options.perf_dir);
  }
  if (const char* given = std::getenv("LOCKSTEP_PERF_DIR"); given != nullptr && *given != '\0') {
    sources.roots.emplace_back(given);
  }
  for (const std::filesystem::path& dir : data_dirs("profiler/perf")) {
    sources.roots.push_back(dir);
  }
  // Bundles that `lockstep perf import` put into the user's store come last.
  const std::filesystem::path imported = TableStore().bundles();
  std::error_code failed;
  if (std::filesystem::is_directory(imported, failed)) {
    sources.roots.push_back(imported);
  }
  return sources;
}

}  // namespace lockstep
