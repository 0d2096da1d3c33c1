// hardware/operations/<GPU>.yaml: the coefficients of a GPU's operations, with where and when they
// were fitted and how far off they are on rows that the fit did not see.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "perf/operations/coefficient_sets.hpp"

namespace lockstep {

struct FittedSet {
  OperationCoefficients coefficients;
  std::string table;     ///< "vllm 0.24.0"
  std::string date;      ///< of the fit
  std::size_t rows = 0;  ///< that it was fitted to
  FitError held_out;     ///< every fifth row, left out
  FitError groups;       ///< head sizes or models, each left out whole; no samples where none
};

struct CoefficientFile {
  std::string gpu;                        ///< "H100"
  std::string table;                      ///< the GPU's name in the tables, "h100_sxm"
  std::map<std::string, FittedSet> sets;  ///< by name of the set
};

/// Throws UserError naming file and line; sets that are not known are refused.
[[nodiscard]] CoefficientFile read_coefficient_file(const std::filesystem::path& file);
[[nodiscard]] std::string coefficient_file_text(const CoefficientFile& file);
/// Adds the sets of `before` that `fitted` does not have.
void keep_others(CoefficientFile& fitted, const CoefficientFile& before);
/// When the last of its sets was fitted.
[[nodiscard]] std::string newest_fit(const CoefficientFile& file);
/// How many fitted numbers it holds.
[[nodiscard]] std::size_t number_count(const CoefficientFile& file);

}  // namespace lockstep
