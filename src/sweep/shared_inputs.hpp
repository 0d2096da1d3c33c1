// What the runs of a sweep read: cluster files, workloads, bundles of kernel times. Each is read
// once, by the first run that needs it, and never changes afterwards. Safe from any thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "config/json_document.hpp"
#include "perf/kernel_time_store.hpp"
#include "workload/workload_recipe.hpp"

namespace lockstep {

class SharedInputs {
public:
  SharedInputs() : bundles_(std::make_shared<KernelTimeStore>()) {}

  /// Throws UserError, again for every run that asks for it.
  [[nodiscard]] std::shared_ptr<const JsonDocument> cluster(const std::string& file);
  /// Kept as long as a run uses it, and the last few beyond that.
  [[nodiscard]] std::shared_ptr<const Workload> workload(const WorkloadRecipe& recipe);
  [[nodiscard]] const std::shared_ptr<KernelTimeStore>& bundles() const { return bundles_; }

private:
  /// Made by one thread while others that want the same wait; others go on.
  struct WorkloadSlot {
    std::mutex mutex;
    std::shared_ptr<const Workload> workload;
    std::int64_t last_use = 0;
  };
  std::shared_ptr<WorkloadSlot> slot_for(const std::string& key);

  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const JsonDocument>> clusters_;
  std::map<std::string, std::shared_ptr<WorkloadSlot>> workloads_;
  std::int64_t uses_ = 0;
  std::shared_ptr<KernelTimeStore> bundles_;
};

/// A text that two recipes share exactly when they give the same workload (file contents apart).
[[nodiscard]] std::string recipe_text(const WorkloadRecipe& recipe);

}  // namespace lockstep
