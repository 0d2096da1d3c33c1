#include "report/curve_plot.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

namespace lockstep {
namespace {

const CurveSet kSet{"tp1 <dense>",
                    "tokens",
                    {{"a & b", {{1, 10.0}, {10, 100.0}, {100, 1000.0}}}, {"flat", {{1, 10.0}}}}};

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(line);
  }
  return lines;
}

TEST(CurvePlot, APowerLawIsADiagonal) {
  const auto lines = lines_of(curve_text(kSet, 60));
  ASSERT_EQ(lines.size(), 1U + 14 + 2 + 2);
  EXPECT_EQ(lines[0], "tp1 <dense>");
  EXPECT_EQ(lines[1].find('a'), 59U);  // the largest is top right
  EXPECT_TRUE(lines[1].starts_with("   1000 us |"));
  EXPECT_EQ(lines[14].find('b'), 12U);  // drawn over the first curve
  const auto middle = std::count_if(lines.begin() + 6, lines.begin() + 10, [](const auto& line) {
    return line.find('a') != std::string::npos;
  });
  EXPECT_EQ(middle, 1);
  for (const std::string& line : lines) {
    EXPECT_LE(line.size(), 60U);
  }
  EXPECT_NE(lines.back().find("b flat"), std::string::npos);
}

TEST(CurvePlot, OnePointAndATimeOfNothingHaveAPlace) {
  const CurveSet set{"t", "n", {{"x", {{5, 0.0}}}}};
  EXPECT_NE(curve_text(set, 1).find('a'), std::string::npos);
  EXPECT_EQ(curves_svg(std::vector{set}).find("nan"), std::string::npos);
}

TEST(CurvePlot, ThePictureIsMarkup) {
  const std::string svg = curves_svg(std::vector{kSet, kSet});
  EXPECT_TRUE(svg.starts_with("<svg "));
  EXPECT_EQ(svg.find("a & b"), std::string::npos);
  EXPECT_NE(svg.find("a &amp; b"), std::string::npos);
  EXPECT_NE(svg.find("tp1 &lt;dense&gt;"), std::string::npos);
  EXPECT_NE(svg.find("translate(0,300)"), std::string::npos);
}

}  // namespace
}  // namespace lockstep
