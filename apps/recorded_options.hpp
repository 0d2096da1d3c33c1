// The settings under which a recorded run is simulated.
#pragma once

#include <optional>
#include <string>

#include "config/run_options.hpp"
#include "validation/recorded_run.hpp"

namespace lockstep {

struct RecordedOptions {
  std::optional<std::string> dataset, perf_dir, model_dir;
  std::optional<std::string> calibration;
  std::string fidelity = "reference";
  std::string engine_terms = "all";
  std::string kernel_times = "auto";
};

/// As recorded. Under vllm the KV blocks are those of the recording where it has them.
[[nodiscard]] RunOptions options_of(const RecordedRun& run, const RecordedOptions& flags);

}  // namespace lockstep
