// Names of GPUs as people type them.
#pragma once

#include <memory>
#include <string>

#include "perf/gpu_facts.hpp"

namespace lockstep {

/// The GPU of that name or alias. Throws UserError that names the nearest one; `flag` is where the
/// name was given.
[[nodiscard]] std::shared_ptr<const GpuFacts> known_gpu(GpuCatalog& catalog,
                                                        const std::string& name,
                                                        const std::string& flag);

}  // namespace lockstep
