// How many kernels an operation launches where no graph holds them: what the host pays for.
#pragma once

#include <cstdint>

#include "steps/operation_sink.hpp"

namespace lockstep {

/// `expert_kernels`: of one layer's routed experts, several of them or one that does all.
[[nodiscard]] std::int64_t kernel_count(const AnyOperation& operation, std::int64_t expert_kernels);

}  // namespace lockstep
