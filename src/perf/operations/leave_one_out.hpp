// How far look-ups are off where a table does have the answer: a measured point, or a whole slice,
// is left out and asked for, under each rule of interpolation.
#pragma once

#include <array>
#include <cstddef>
#include <memory>

#include "perf/operations/measured_operations.hpp"

namespace lockstep {

struct LeaveOneOut {
  std::array<FitError, 3> points;  ///< by BetweenRule: one point inside its curve left out
  std::array<FitError, 3> slices;  ///< by BetweenRule: a whole slice left out
};

/// Over at most `most` points and as many slices, evenly spread. The model that scales and that
/// the ratio rule uses is `analytic`'s.
[[nodiscard]] LeaveOneOut leave_one_out(const std::shared_ptr<const OperationTable>& table,
                                        const std::shared_ptr<const AnalyticOperations>& analytic,
                                        std::size_t most);

}  // namespace lockstep
