// One step on one line:
// [INFO] step=8 batch=4+4 prompt_t=1.4k tok/s decode_t=520 tok/s npu_mem=[81.2 GB, 81.2 GB]
// alltoall=512 KB
#pragma once

#include <string>

#include "config/cluster.hpp"
#include "engine/run_result.hpp"

namespace lockstep {

/// The line with its line end. The batch field is `batch` where the step covers the whole cluster
/// (members joined by `+`), `P` and `D` for prefill and decode instances (with their number where
/// there are several), else `inst<i>_batch`. GB, MB and KB are powers of 1024.
[[nodiscard]] std::string step_line(const StepEvent& event, const Cluster& cluster);

}  // namespace lockstep
