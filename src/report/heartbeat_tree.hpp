// A heartbeat as a line of throughputs and a tree of what every instance, node and memory holds.
#pragma once

#include <cstdint>
#include <string>

#include "engine/run_result.hpp"
#include "report/painter.hpp"

namespace lockstep {

/// How the pinned share of a CXL device is written before "% Used".
enum class CxlUsage : std::uint8_t {
  fraction,  ///< 0..1, as the reference does in spite of the sign
  percent
};

/// All lines of one heartbeat, each with its line end.
[[nodiscard]] std::string heartbeat_tree(const Heartbeat& heartbeat, const Painter& painter,
                                         CxlUsage cxl_usage);

}  // namespace lockstep
