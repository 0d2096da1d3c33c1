// Where the times of a GPU's operations come from: the user's store of imported tables when it has
// the GPU, else the coefficients of hardware/<GPU>.yaml.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "perf/operations/operation_times.hpp"

namespace lockstep {

struct OperationRequest {
  std::string gpu;                             ///< "H100", "NVIDIA-H100-SXM", "h100_sxm", ...
  std::string engine_version;                  ///< of vLLM, "0.19.0"; empty: the newest there is
  std::optional<std::filesystem::path> store;  ///< default: $XDG_CACHE_HOME/lockstep/...
  bool allow_tables = true;                    ///< false: coefficients only
  bool allow_analytic = true;                  ///< false: measured tables or an error
};

struct OperationSource {
  std::shared_ptr<const OperationTimes> times;
  /// Another engine version taken, operations that only coefficients answer, ...
  std::vector<std::string> notes;
};

/// Throws UserError when nothing knows the GPU (names what was looked for and how to get it).
[[nodiscard]] OperationSource operation_times_for(const OperationRequest& request);

/// The GPU's name, then those of its kin: whose coefficients answer, nearest first.
[[nodiscard]] std::vector<std::string> coefficient_sources(const std::string& gpu);

class AnalyticOperations;
struct GpuFacts;
/// The model that ships, whatever was imported. Throws UserError when its files are not found.
[[nodiscard]] std::shared_ptr<const AnalyticOperations> analytic_operations_for(
    const std::shared_ptr<const GpuFacts>& gpu);

}  // namespace lockstep
