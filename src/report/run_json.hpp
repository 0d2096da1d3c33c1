// Records of runs as JSON: a summary for scripts, and the run file that reports are made from.
// docs/run-json.md describes the keys; they stay as they are.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "report/run_record.hpp"

namespace lockstep {

/// Times in ns, sizes in bytes, energy in J, rates per simulated second.
[[nodiscard]] nlohmann::ordered_json summary_json(const RunRecord& record);
/// Pretty, with its line end. Text that is not UTF-8 is replaced.
[[nodiscard]] std::string summary_text(const RunRecord& record);

/// The summary, every request, the steps and all series.
[[nodiscard]] nlohmann::ordered_json run_file_json(const RunRecord& record);
[[nodiscard]] std::string run_file_text(const RunRecord& record);

}  // namespace lockstep
