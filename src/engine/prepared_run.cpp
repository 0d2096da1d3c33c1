#include "engine/prepared_run.hpp"

#include "base/error.hpp"

namespace lockstep {
namespace {

/// Under --strict whatever would only be warned of ends the run.
void refuse_warnings(const std::vector<std::string>& warnings) {
  if (!warnings.empty()) {
    throw UserError(warnings.front(), {"", 0, "--strict"},
                    "mend it, or run without --strict to take it as a warning");
  }
}

}  // namespace

PreparedRun::PreparedRun(const ParsedFlags& flags, const Cluster& cluster, RequestsOfRun requests,
                         KernelTimeLibrary& kernel_times, RunObserver& observer)
    : cluster_(cluster),
      ineffective_(ineffective_flags(flags.options, flags.given, cluster)),
      simulation_(cluster, flags.options, requests, kernel_times, observer) {
  if (flags.options.strict) {
    refuse_warnings(cluster_.warnings);
    refuse_warnings(ineffective_);
    refuse_warnings(simulation_.warnings());
  }
}

std::vector<std::string> PreparedRun::warnings() const {
  std::vector<std::string> all = cluster_.warnings;
  all.insert(all.end(), ineffective_.begin(), ineffective_.end());
  all.insert(all.end(), simulation_.warnings().begin(), simulation_.warnings().end());
  return all;
}

}  // namespace lockstep
