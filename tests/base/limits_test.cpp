#include <gtest/gtest.h>

#include <string>

#include "base/json_depth.hpp"
#include "base/memory_limit.hpp"

namespace lockstep {
namespace {

TEST(JsonDepth, CountsBracketsOutsideOfStrings) {
  EXPECT_FALSE(json_is_deeper("[[]]", 2));
  EXPECT_TRUE(json_is_deeper("[[]]", 1));
  EXPECT_TRUE(json_is_deeper(R"({"a":[{"b":1}]})", 2));
  EXPECT_FALSE(json_is_deeper(R"(["[[[[", "\"[[[[", "\\"])", 1));
  EXPECT_TRUE(json_is_deeper(R"(["\\", [)", 1));
  EXPECT_FALSE(json_is_deeper("[],[],[]", 1));
  EXPECT_FALSE(json_is_deeper("\"\\", 1));
  EXPECT_TRUE(json_is_deeper(std::string(1000000, '[')));
}

TEST(BytesFromText, KnowsUnits) {
  EXPECT_EQ(bytes_from_text("17"), 17);
  EXPECT_EQ(bytes_from_text("17B"), 17);
  EXPECT_EQ(bytes_from_text("2K"), 2048);
  EXPECT_EQ(bytes_from_text("2kB"), 2048);
  EXPECT_EQ(bytes_from_text("3MiB"), 3 << 20);
  EXPECT_EQ(bytes_from_text("1T"), std::int64_t{1} << 40);
  EXPECT_EQ(bytes_from_text("8388607T"), std::int64_t{8388607} << 40);
}

TEST(BytesFromText, RefusesTheRest) {
  for (const char* text : {"", "0", "-1", " 1", "1 G", "G", "1.5G", "1GG", "1X", "8388608T",
                           "9223372036854775808", "1iB"}) {
    EXPECT_FALSE(bytes_from_text(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace lockstep
