#include "report/log_line.hpp"

#include <gtest/gtest.h>

namespace lockstep {
namespace {

const WallTime morning{2026, 3, 9, 6, 19, 21, 7};

TEST(LogLine, OnTheConsole) {
  EXPECT_EQ(console_log_line({LogSeverity::info, "Scheduler", 0, 1, "Batch #3 is done"}, morning),
            "[06:19:21.007] [Scheduler] [node=0,inst=1] INFO     Batch #3 is done\n");
  EXPECT_EQ(console_log_line({LogSeverity::warning, "ConfigBuilder", -1, -1, "w"}, morning),
            "[06:19:21.007] [ConfigBuilder] WARNING  w\n");
}

TEST(LogLine, InAFile) {
  EXPECT_EQ(file_log_line({LogSeverity::error, "MemoryModel", 2, -1, "e"}, morning),
            "[2026-03-09 06:19:21.007] [MemoryModel] [node=2] [ERROR] e\n");
  EXPECT_EQ(file_log_line({LogSeverity::debug, "Router", -1, 4, "d"}, morning),
            "[2026-03-09 06:19:21.007] [Router] [inst=4] [DEBUG] d\n");
}

TEST(LogLine, LevelsShowThemselvesAndWhatIsWorse) {
  EXPECT_EQ(severity_of(LogLevel::warning), LogSeverity::warning);
  EXPECT_EQ(severity_of(LogLevel::info), LogSeverity::info);
  EXPECT_EQ(severity_of(LogLevel::debug), LogSeverity::debug);
}

TEST(LogLine, TheClockGivesADate) {
  const WallTime now = local_wall_time();
  EXPECT_GE(now.year, 2024);
  EXPECT_GE(now.month, 1);
  EXPECT_LE(now.month, 12);
  EXPECT_LT(now.millisecond, 1000);
}

}  // namespace
}  // namespace lockstep
