#include "base/read_log.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace lockstep {
namespace {

TEST(ReadLog, HearsOfEachFileOnceWhileItLives) {
  ReadLog::note("before", "model");
  ReadLog log;
  ReadLog::note("a", "model");
  ReadLog::note("b", "workload");
  ReadLog::note("a", "model");
  ASSERT_EQ(log.files().size(), 2U);
  EXPECT_EQ(log.files()[0].path, "a");
  EXPECT_EQ(log.files()[1].role, "workload");
}

TEST(ReadLog, TheInnermostLogOfAThreadHears) {
  ReadLog outer;
  {
    ReadLog inner;
    ReadLog::note("a", "model");
    std::thread([] { ReadLog::note("elsewhere", "model"); }).join();
    EXPECT_EQ(inner.files().size(), 1U);
  }
  ReadLog::note("b", "model");
  ASSERT_EQ(outer.files().size(), 1U);
  EXPECT_EQ(outer.files()[0].path, "b");
}

}  // namespace
}  // namespace lockstep
