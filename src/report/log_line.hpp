// Log records as lines, for the console and for a file. Their time is wall-clock time, so they are
// the one part of the output that differs from run to run.
#pragma once

#include <functional>
#include <string>

#include "config/run_options.hpp"
#include "engine/run_result.hpp"

namespace lockstep {

/// Local wall-clock time to the millisecond.
struct WallTime {
  int year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0, millisecond = 0;
};
using WallClock = std::function<WallTime()>;

[[nodiscard]] WallTime local_wall_time();

/// "[HH:MM:SS.mmm] [Component] [node=N,inst=I] LEVEL    message" with its line end.
[[nodiscard]] std::string console_log_line(const LogRecord& record, const WallTime& time);
/// "[YYYY-MM-DD HH:MM:SS.mmm] [Component] [node=N,inst=I] [LEVEL] message" with its line end.
[[nodiscard]] std::string file_log_line(const LogRecord& record, const WallTime& time);

/// The lowest severity that a level shows.
[[nodiscard]] LogSeverity severity_of(LogLevel level);

}  // namespace lockstep
