// Measured bundles and GPU descriptions, read once and shared: by the runs of a sweep on any number
// of threads. What it hands out never changes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "perf/bundle.hpp"
#include "perf/gpu_facts.hpp"
#include "perf/kernel_times.hpp"
#include "perf/operations/operation_library.hpp"

namespace lockstep {

class KernelTimeStore {
public:
  struct Measured {
    std::shared_ptr<const KernelTimes> times;
    BundleMeta meta;
    std::vector<std::string> warnings;  ///< of reading it
  };

  /// The times of a bundle's folder at a degree that it has. Throws UserError on malformed files,
  /// every time it is asked for them.
  [[nodiscard]] std::shared_ptr<const Measured> measured(const std::filesystem::path& dir,
                                                         std::int64_t tp);
  /// Of a GPU: the user's imported tables, else (where `allow_analytic`) fitted coefficients.
  /// Throws UserError when there are neither.
  [[nodiscard]] OperationSource operations(const std::string& hardware, bool allow_analytic);
  /// Null: not in the catalogue.
  [[nodiscard]] std::shared_ptr<const GpuFacts> gpu(const std::string& hardware);
  /// The names in the catalogue.
  [[nodiscard]] std::string known_gpus();

private:
  std::mutex mutex_;  ///< of all below; held while a bundle is read, so that it is read once
  std::map<std::string, Bundle> bundles_;  ///< by folder
  std::map<std::pair<std::string, std::int64_t>, std::shared_ptr<const Measured>> measured_;
  std::map<std::pair<std::string, bool>, OperationSource> operations_;
  GpuCatalog gpus_;
};

}  // namespace lockstep
