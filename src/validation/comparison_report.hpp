// The whole of a comparison, as a table for people and as JSON for scripts.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "validation/comparison.hpp"
#include "validation/series_comparison.hpp"
#include "validation/step_comparison.hpp"

namespace lockstep {

/// Every metric with three lines (recorded, simulated, error), then the figures of the whole run.
[[nodiscard]] std::string comparison_table(const Comparison& comparison);

/// {"metrics": {name: {"recorded_ms": {...}, "simulated_ms": {...}, "error_percent": {...},
/// "per_request_error_percent": x}}, "figures": {...}}; what is not known is null. Ends with a
/// newline.
/// "steps": segments in ms a step. "over_time": columns by bucket, null without a recorded series.
[[nodiscard]] std::string comparison_json(const Comparison& comparison, const StepComparison& steps,
                                          const std::optional<SeriesComparison>& series);

/// Errors larger than `percent` in either direction, one line each: of TTFT, TPOT and latency
/// (mean and percentiles), makespan and rate of generated tokens.
[[nodiscard]] std::vector<std::string> errors_above(const Comparison& comparison, double percent);

}  // namespace lockstep
