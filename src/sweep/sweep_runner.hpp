// Simulates configurations on all cores of this machine, in any order, and stores every result.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>

#include "sweep/work_list.hpp"

namespace lockstep {

/// Number of cores that this process may use.
[[nodiscard]] int default_workers();

struct RunnerOptions {
  int workers = 1;
  const std::atomic<bool>* stop = nullptr;  ///< true: what has begun ends, nothing more begins
};

/// `done` gets every result, from any thread, one call at a time for each but several at once.
void run_configs(const WorkList& work, std::span<const std::int64_t> configs, SharedInputs& inputs,
                 const RunnerOptions& options, const std::function<void(ResultRow)>& done);

}  // namespace lockstep
