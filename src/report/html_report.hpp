// One or more runs as one HTML page that opens offline. The page (web/) is part of the program;
// the runs are put into it as JSON, their long tables packed and behind the page's script, so that
// the first charts stand before the tables are read.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "report/run_record.hpp"

namespace lockstep {

/// `runs`: run files. No text of theirs can end the script element that holds them.
[[nodiscard]] std::string report_html(std::vector<nlohmann::ordered_json> runs);
[[nodiscard]] std::string report_html(const RunRecord& run);

/// The page without runs, as web/dist/report.html has it.
[[nodiscard]] std::string_view report_page();

}  // namespace lockstep
