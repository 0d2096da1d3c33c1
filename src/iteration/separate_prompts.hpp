// Attention of a step that holds several prompts.
#pragma once

#include "iteration/trace_shape.hpp"
#include "perf/kernel_times.hpp"

namespace lockstep {

/// The attention tables know one prompt a step; taken as one long prompt, several would attend to
/// one another, at a cost that grows with the square of their sum. The excess is taken off:
///   T(all as one, decodes) - P(all as one) + sum of P(each) - (n - 1) P(shortest measured)
/// with P of prompts alone, but never more than all as one nor less than the decodes alone.
[[nodiscard]] KernelTime attention_of_separate_prompts(const KernelTimes& times,
                                                       const BatchShape& shape);

}  // namespace lockstep
