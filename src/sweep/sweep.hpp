// A whole sweep: from a spec file to an SQLite file and a CSV.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "sweep/work_list.hpp"

namespace lockstep {

struct SweepOptions {
  std::filesystem::path spec;
  std::string output;   ///< without suffix; empty: outputs/<name of the spec>
  std::string version;  ///< of the program
  int jobs = 0;         ///< 0: all cores
  Share share;
  bool restart = false;       ///< forget earlier results
  bool retry_failed = false;  ///< simulate failed configurations again
  bool strict = false;        ///< warnings make a configuration fail
  std::FILE* progress = nullptr;
  bool interactive = false;  ///< `progress` is a terminal
  const std::atomic<bool>* stop = nullptr;
};

struct SweepReport {
  std::int64_t configs = 0;  ///< of this share
  std::int64_t before = 0;   ///< of them there already
  std::int64_t simulated = 0;
  std::int64_t failed = 0;           ///< of all rows
  std::int64_t missing = 0;          ///< interrupted, or of shares that are not there
  std::filesystem::path store, csv;  ///< csv: empty when none was written
  bool manager = true;               ///< false: another MPI rank says all this
};

/// Throws UserError. Interrupted by `stop`, it leaves a store that the next call goes on with.
[[nodiscard]] SweepReport run_sweep(const SweepOptions& options);

/// Adds the stores of shares (`files`, or all that lie beside the output) to the sweep's own, then
/// writes the CSV, unless rows are missing and not `partial`. Throws UserError.
[[nodiscard]] SweepReport merge_sweep(const SweepOptions& options,
                                      std::vector<std::filesystem::path> files, bool partial);

/// Where results go: `output`, else outputs/<stem of the spec>.
[[nodiscard]] std::string sweep_output(const SweepOptions& options);

}  // namespace lockstep
