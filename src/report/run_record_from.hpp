// Records of runs: from a live run, or from the result file of an earlier one.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "config/cluster.hpp"
#include "config/run_options.hpp"
#include "engine/run_result.hpp"
#include "report/run_record.hpp"
#include "serving/npu_kv_layout.hpp"

namespace lockstep {

/// What was run, its requests and totals; a RunRecorder adds steps and series.
[[nodiscard]] RunRecord record_of(const RunResult& result, const Cluster& cluster,
                                  const RunOptions& options,
                                  std::span<const NpuKvLayout> capacities);

/// Reads a result file (any order of its columns, but all of them). Throws UserError naming the
/// line.
[[nodiscard]] RunRecord record_from_csv(const std::filesystem::path& file);
/// The same from text; `name` stands for the file in messages.
[[nodiscard]] RunRecord record_from_csv_text(std::string_view text, const std::string& name);

}  // namespace lockstep
