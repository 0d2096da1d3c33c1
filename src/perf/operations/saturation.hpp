// The saturation factors of a model, one after the other: those of its axes, then those of its
// grids. Each such group is a term.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "perf/operations/operation_model.hpp"

namespace lockstep {

[[nodiscard]] std::size_t term_count(const OperationModel& model);
/// Factors of a term.
[[nodiscard]] std::size_t term_size(const OperationModel& model, std::size_t term);
/// "rows", "head size x work".
[[nodiscard]] std::string term_name(const OperationModel& model, std::size_t term);
/// The knots that a factor stands at: "12", "7 x 24".
[[nodiscard]] std::string factor_name(const OperationModel& model, std::size_t term,
                                      std::size_t place);

/// A factor that counts at some sizes, by its place among all of the model, and how much it does.
struct Touch {
  std::size_t factor = 0;
  double weight = 0;
};

/// Appends what counts where the sizes along the axes are `values`.
void append_touches(const OperationModel& model, std::span<const double> values,
                    std::vector<Touch>& touches);

/// The function that a grid's factors describe, at `values`.
[[nodiscard]] double grid_value(const SaturationGrid& grid, std::span<const double> factors,
                                std::span<const double> values);

}  // namespace lockstep
