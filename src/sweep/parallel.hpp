// The same work for many items on several threads.
#pragma once

#include <cstdint>
#include <functional>

namespace lockstep {

/// `body(i)` for every i below `count`, handed out in order to `workers` threads; with one, in this
/// thread. What a body throws is thrown here, and the rest may not have run.
void parallel_for(int workers, std::int64_t count, const std::function<void(std::int64_t)>& body);

}  // namespace lockstep
