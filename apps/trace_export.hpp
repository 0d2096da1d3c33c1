// A run whose iterations are kept: text traces, graph files, and the files that describe the
// cluster to a network simulator.
#pragma once

#include <cstdint>
#include <string>

#include "config/run_flags.hpp"

namespace lockstep {

struct TraceExportSettings {
  std::string folder;
  std::int64_t max_batches = 0;  ///< 0: all
};

/// Runs to the end and writes below the folder: trace/ and workload/ (see trace_files.hpp),
/// network.yml, system.json, memory_expansion.json, and batches.csv, which lists every batch with
/// its files and the times (ns) at which the NPUs that were asked began and finished it. Throws
/// UserError.
void export_traces(const TraceExportSettings& settings, const ParsedFlags& flags);

}  // namespace lockstep
