// Says in words what keeps NPUs from going on.
#pragma once

#include <string>
#include <vector>

#include "engine/device_npu.hpp"

namespace lockstep {

/// One line for every unfinished NPU, without a newline at the end. Empty when all are finished.
[[nodiscard]] std::string describe_waits(const std::vector<Npu>& npus, const DeviceParts& parts);

}  // namespace lockstep
