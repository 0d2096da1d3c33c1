// The sets of coefficients that a GPU has: one per operation and number format (or direction, or
// collective), each with its model and the measured table that it is fitted to.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "perf/operations/operation_fit.hpp"
#include "perf/operations/operation_model.hpp"
#include "perf/operations/operations.hpp"
#include "perf/tables/operation_table.hpp"

namespace lockstep {

struct CoefficientSet {
  std::string name;  ///< "gemm fp8", "nccl all_gather"
  const OperationModel* model = nullptr;
  Precision precision = Precision::bfloat16;  ///< decides the GPU's peak
  MeasuredOperation table = MeasuredOperation::gemm;
  std::int64_t kind = -1;  ///< value of the table's key that tells this set's rows; -1: all
  std::size_t kind_key = 0;
};

[[nodiscard]] const std::vector<CoefficientSet>& coefficient_sets();
/// Index of a set by name; throws InternalError for a name that is none.
[[nodiscard]] std::size_t coefficient_set(std::string_view name);

/// Times of a product that grow less than its rows: where a time lies more than a quarter above
/// that of some larger number of rows, it was no time of the kernel (a launch, a clock still low),
/// or one that padding would avoid. The place's time, held to that.
[[nodiscard]] double steadied(const TableCurve& curve, std::size_t place);

/// A table's rows of one set, those of products steadied on demand. `group` of a sample is what a
/// fit may leave out whole: the head size of attention, the layer's shape of experts, else 0.
[[nodiscard]] std::vector<OperationSample> samples_of(const CoefficientSet& set,
                                                      const OperationTable& table,
                                                      bool steady = false);
/// The sizes of one row of a table.
[[nodiscard]] Sizes row_sizes(const CoefficientSet& set, const TableOrigin& origin,
                              std::span<const std::int32_t> keys, std::int64_t axis);

}  // namespace lockstep
