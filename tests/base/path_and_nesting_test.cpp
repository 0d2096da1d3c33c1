#include <gtest/gtest.h>

#include <string>

#include "base/inside.hpp"
#include "base/json_depth.hpp"

namespace lockstep {
namespace {

TEST(Inside, ANameLeadsNeitherUpNorToTheRoot) {
  for (const char* name : {"gpu", "owner/model", "a/./b", "..a/b..", ""}) {
    EXPECT_TRUE(stays_inside(name)) << name;
  }
  for (const char* name : {"..", "../a", "a/../b", "a/..", "/a", "//a"}) {
    EXPECT_FALSE(stays_inside(name)) << name;
  }
  EXPECT_FALSE(stays_inside(std::string_view("a\0b", 3)));
  EXPECT_EQ(kept_inside("/a/../../b/./c"), "a/b/c");
}

TEST(JsonNesting, CountsBracketsOutsideOfTexts) {
  const auto nested = [](int depth) { return std::string(static_cast<std::size_t>(depth), '['); };
  EXPECT_FALSE(json_is_deeper(nested(kDeepestJson)));
  EXPECT_TRUE(json_is_deeper(nested(kDeepestJson + 1)));
  EXPECT_FALSE(json_is_deeper('"' + nested(400) + '"'));
  EXPECT_FALSE(json_is_deeper(R"("\")" + nested(400) + '"'));
  EXPECT_TRUE(json_is_deeper(R"("\\")" + nested(400)));
  std::string flat;
  for (int k = 0; k < 100; ++k) {
    flat += "[{}],";
  }
  EXPECT_FALSE(json_is_deeper(flat));
}

}  // namespace
}  // namespace lockstep
