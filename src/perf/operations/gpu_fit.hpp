// All coefficient sets of one GPU from its imported tables.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "perf/gpu_facts.hpp"
#include "perf/operations/coefficient_file.hpp"
#include "perf/tables/table_store.hpp"

namespace lockstep {

/// The tables of a GPU for one operation that a fit may use, newest first. Left out: products in
/// blocks of 8 bits as versions from 0.24 on measured them (launch time below 1,000 rows), unless
/// nothing else is there.
[[nodiscard]] std::vector<ListedTable> tables_for(const std::vector<ListedTable>& tables,
                                                  const std::string& gpu,
                                                  const CoefficientSet& set);

struct GpuFitOptions {
  std::string only;  ///< sets whose name contains this; empty: all
  std::string date;  ///< today's, for the sets
  FitEffort effort;
  bool groups = true;  ///< also measure the error on head sizes and models left out whole
  std::function<void(const std::string& line)> progress;
};

/// `table_gpu` is the GPU's name in the store ("h100_sxm").
[[nodiscard]] CoefficientFile fit_gpu(const GpuFacts& gpu, const std::string& table_gpu,
                                      const TableStore& store, const GpuFitOptions& options);

/// How far another GPU's coefficients are off on this one's tables, with this one's datasheet: the
/// error of a GPU that nobody measured, where it can be known. By set.
[[nodiscard]] std::map<std::string, FitError> transfer_errors(const CoefficientFile& from,
                                                              const GpuFacts& gpu,
                                                              const std::string& table_gpu,
                                                              const TableStore& store);

}  // namespace lockstep
