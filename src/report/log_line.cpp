#include "report/log_line.hpp"

#include <fmt/format.h>

#include <chrono>
#include <ctime>
#include <string_view>

namespace lockstep {
namespace {

std::string_view level_name(LogSeverity severity) {
  switch (severity) {
    case LogSeverity::debug:
      return "DEBUG";
    case LogSeverity::info:
      return "INFO";
    case LogSeverity::warning:
      return "WARNING";
    case LogSeverity::error:
      break;
  }
  return "ERROR";
}

std::string clock_text(const WallTime& time) {
  return fmt::format("{:02d}:{:02d}:{:02d}.{:03d}", time.hour, time.minute, time.second,
                     time.millisecond);
}

/// "[Component] [node=0,inst=1] " as far as it is known.
std::string origin_text(const LogRecord& record) {
  std::string text = fmt::format("[{}] ", record.component);
  if (record.node >= 0 && record.instance >= 0) {
    text += fmt::format("[node={},inst={}] ", record.node, record.instance);
  } else if (record.node >= 0) {
    text += fmt::format("[node={}] ", record.node);
  } else if (record.instance >= 0) {
    text += fmt::format("[inst={}] ", record.instance);
  }
  return text;
}

}  // namespace

WallTime local_wall_time() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto since_epoch =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  std::tm local{};
  localtime_r(&seconds, &local);
  return {local.tm_year + 1900,
          local.tm_mon + 1,
          local.tm_mday,
          local.tm_hour,
          local.tm_min,
          local.tm_sec,
          static_cast<int>(since_epoch % 1000)};
}

std::string console_log_line(const LogRecord& record, const WallTime& time) {
  return fmt::format("[{}] {}{:<8} {}\n", clock_text(time), origin_text(record),
                     level_name(record.severity), record.text);
}

std::string file_log_line(const LogRecord& record, const WallTime& time) {
  return fmt::format("[{:04d}-{:02d}-{:02d} {}] {}[{}] {}\n", time.year, time.month, time.day,
                     clock_text(time), origin_text(record), level_name(record.severity),
                     record.text);
}

LogSeverity severity_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return LogSeverity::debug;
    case LogLevel::info:
      return LogSeverity::info;
    case LogLevel::warning:
      break;
  }
  return LogSeverity::warning;
}

}  // namespace lockstep
