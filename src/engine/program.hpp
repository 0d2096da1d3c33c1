// The graphs that one batch hands to the NPUs of its instance.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "iteration/graph.hpp"

namespace lockstep {

/// One graph per NPU of the instance (receivers of a prefill instance included), ascending.
struct Program {
  std::int64_t batch_id = 0;
  std::vector<std::shared_ptr<NpuGraph>> graphs;
};

}  // namespace lockstep
