// The short table of a comparison, in the bytes that scripts around recorded runs expect: mean,
// median, P90, P95 and P99 of TTFT, TPOT and latency in ms, and their difference in %.
#pragma once

#include <string>

#include "validation/comparison.hpp"

namespace lockstep {

/// Ends with one newline.
[[nodiscard]] std::string summary_text(const Comparison& comparison);

}  // namespace lockstep
