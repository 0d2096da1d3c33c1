// What of a step depends on the GPU's kernels, as options.
#pragma once

#include "perf/gpu_facts.hpp"
#include "steps/step_options.hpp"

namespace lockstep {

/// Sets how attention runs prompts and decodes of one step and deals out contexts, and at what rate
/// products of float32 run.
void take_kernels_of(const GpuFacts& gpu, StepOptions& options);

}  // namespace lockstep
