// One or more runs as one HTML page that opens offline. The page (web/) is part of the program;
// the runs are put into it as JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

/// `runs`: texts of run files. No text of theirs can end the script element that holds them.
[[nodiscard]] std::string report_html(const std::vector<std::string>& runs);

/// The page without runs, as web/dist/report.html has it.
[[nodiscard]] std::string_view report_page();

}  // namespace lockstep
