#include "perf/kernel_time_store.hpp"

#include "perf/measured_times.hpp"

namespace lockstep {

std::shared_ptr<const KernelTimeStore::Measured> KernelTimeStore::measured(
    const std::filesystem::path& dir, std::int64_t tp) {
  const std::lock_guard lock(mutex_);
  const std::string key = dir.string();
  std::shared_ptr<const Measured>& slot = measured_[{key, tp}];
  if (!slot) {
    Bundle& bundle = bundles_.try_emplace(key, dir).first->second;
    auto fresh = std::make_shared<Measured>();
    fresh->times = std::make_shared<const MeasuredTimes>(bundle, tp, fresh->warnings);
    fresh->meta = bundle.meta();
    slot = std::move(fresh);
  }
  return slot;
}

OperationSource KernelTimeStore::operations(const std::string& hardware, bool allow_analytic) {
  const std::lock_guard lock(mutex_);
  OperationSource& slot = operations_[{hardware, allow_analytic}];
  if (!slot.times) {
    slot = operation_times_for({.gpu = hardware,
                                .engine_version = "",
                                .store = std::nullopt,
                                .allow_tables = true,
                                .allow_analytic = allow_analytic});
  }
  return slot;
}

std::shared_ptr<const GpuFacts> KernelTimeStore::gpu(const std::string& hardware) {
  const std::lock_guard lock(mutex_);
  return gpus_.find(hardware);
}

std::string KernelTimeStore::known_gpus() {
  const std::lock_guard lock(mutex_);
  return gpus_.known();
}

}  // namespace lockstep
