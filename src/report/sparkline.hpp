// A run at a glance: small lines of block characters, for terminals.
#pragma once

#include <span>
#include <string>

#include "report/painter.hpp"
#include "report/run_record.hpp"

namespace lockstep {

/// One character a value, "▁" for 0 to "█" for the largest.
[[nodiscard]] std::string sparkline(std::span<const double> values);

/// Throughput, running and waiting requests over time, and the spread of TTFT and TPOT; ends with
/// a rule. Empty for a run without requests.
[[nodiscard]] std::string glance(const RunRecord& record, const Painter& painter);

}  // namespace lockstep
