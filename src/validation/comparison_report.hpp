// The whole of a comparison, as a table for people and as JSON for scripts.
#pragma once

#include <string>
#include <vector>

#include "validation/comparison.hpp"

namespace lockstep {

/// Every metric with three lines (recorded, simulated, error), then the figures of the whole run.
[[nodiscard]] std::string comparison_table(const Comparison& comparison);

/// {"metrics": {name: {"recorded_ms": {...}, "simulated_ms": {...}, "error_percent": {...},
/// "per_request_error_percent": x}}, "figures": {...}}; what is not known is null. Ends with a
/// newline.
[[nodiscard]] std::string comparison_json(const Comparison& comparison);

/// Errors larger than `percent` in either direction, one line each: of TTFT, TPOT and latency
/// (mean and percentiles), makespan and rate of generated tokens.
[[nodiscard]] std::vector<std::string> errors_above(const Comparison& comparison, double percent);

}  // namespace lockstep
