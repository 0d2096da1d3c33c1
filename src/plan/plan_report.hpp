// A plan as a table for the terminal and as CSV.
#pragma once

#include <string>

#include "plan/plan.hpp"

namespace lockstep {

/// Those that hold (at most `most`), a line each, those on the front marked with *; then how many
/// shapes fell away and why; then the verdict. Ends with a newline.
[[nodiscard]] std::string plan_table(const PlanSpec& spec, const PlanResult& result,
                                     std::size_t most = 20);

/// One row a shape: fate, settings, GPUs, cost, the figures compared with the limits, largest load.
[[nodiscard]] std::string plan_csv(const PlanSpec& spec, const PlanResult& result);

}  // namespace lockstep
