// Log lines of all logs are read into records and printed again.
#include <gtest/gtest.h>

#include <cstdio>
#include <regex>

#include "reference_data.hpp"
#include "reference_logs.hpp"
#include "report/log_line.hpp"

namespace lockstep {
namespace {

LogSeverity severity_named(const std::string& name) {
  return name == "DEBUG"     ? LogSeverity::debug
         : name == "INFO"    ? LogSeverity::info
         : name == "WARNING" ? LogSeverity::warning
                             : LogSeverity::error;
}

TEST(LogLineConformance, EveryLineIsPrintedAsItWas) {
  LOCKSTEP_REQUIRE_REFERENCE(reference);
  const std::regex form(
      R"(\[(\d\d):(\d\d):(\d\d)\.(\d\d\d)\] \[(\w+)\] (?:\[node=(\d+),inst=(\d+)\] )?([A-Z]+) +(.*))");
  std::size_t lines = 0;
  for (const auto& file : testing::all_logs(reference)) {
    for (const std::string& line : testing::ReferenceLog(file).plain) {
      std::smatch found;
      if (line.size() < 14 || line[3] != ':' || !std::regex_match(line, found, form)) {
        continue;
      }
      const std::string component = found[5];
      const LogRecord record{severity_named(found[8]), component,
                             found[6].matched ? std::stoi(found[6]) : -1,
                             found[7].matched ? std::stoi(found[7]) : -1, found[9]};
      const WallTime time{2026,
                          1,
                          1,
                          std::stoi(found[1]),
                          std::stoi(found[2]),
                          std::stoi(found[3]),
                          std::stoi(found[4])};
      EXPECT_EQ(console_log_line(record, time), line + '\n') << file;
      ++lines;
    }
  }
  std::printf("%zu log lines\n", lines);
  EXPECT_GE(lines, 400U);
}

}  // namespace
}  // namespace lockstep
