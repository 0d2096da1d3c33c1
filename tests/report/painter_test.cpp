#include "report/painter.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <cstdio>

namespace lockstep {
namespace {

const Painter plain(80, false);
const Painter coloured(80, true);

std::string dashes(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    text += "─";
  }
  return text;
}

TEST(Painter, RuleFillsTheWidth) {
  EXPECT_EQ(plain.rule(), dashes(80) + "\n");
  EXPECT_EQ(Painter(12, false).rule(), dashes(12) + "\n");
}

TEST(Painter, TitleOfEvenLengthIsInTheMiddle) {
  EXPECT_EQ(plain.titled_rule("Throughput Results"),
            dashes(30) + " Throughput Results " + dashes(30) + "\n");
}

TEST(Painter, TitleOfOddLengthLeansLeft) {
  EXPECT_EQ(plain.titled_rule("Time to First Token"),
            dashes(29) + " Time to First Token " + dashes(30) + "\n");
}

TEST(Painter, TitleWiderThanTheLineStaysWhole) {
  EXPECT_EQ(Painter(8, false).titled_rule("Throughput Results"), "─ Throughput Results ─\n");
}

TEST(Painter, CentredTextIsPaddedOnBothSides) {
  EXPECT_EQ(Painter(10, false).centred("abc"), "   abc    \n");
  EXPECT_EQ(Painter(10, false).centred("abcd"), "   abcd   \n");
  EXPECT_EQ(Painter(2, false).centred("abc"), "abc\n");
}

TEST(Painter, ColoursOfRules) {
  const Painter narrow(20, true);
  EXPECT_EQ(narrow.rule(), "\x1b[1;35m" + dashes(20) + "\x1b[0m\n");
  EXPECT_EQ(narrow.titled_rule("Instance [0]"),
            "\x1b[1;35m" + dashes(3) +
                " \x1b[0m\x1b[35mInstance \x1b[0m\x1b[1;35m[\x1b[0m\x1b[1;35m0\x1b[0m"
                "\x1b[1;35m]\x1b[0m\x1b[1;35m " +
                dashes(3) + "\x1b[0m\n");
  EXPECT_EQ(narrow.titled_rule("a (b)"),
            "\x1b[1;35m" + dashes(6) +
                " \x1b[0m\x1b[35ma \x1b[0m\x1b[1;35m(\x1b[0m\x1b[35mb\x1b[0m"
                "\x1b[1;35m)\x1b[0m\x1b[1;35m " +
                dashes(7) + "\x1b[0m\n");
}

TEST(Painter, ColoursOfStagesAndHeadings) {
  EXPECT_EQ(coloured.stage("Go"), "\x1b[1;36m▶ Go\x1b[0m\n");
  EXPECT_EQ(Painter(6, true).centred("ab"), "  \x1b[35mab\x1b[0m  \n");
}

TEST(Painter, ParenthesesInLabelsStandOut) {
  EXPECT_EQ(coloured.label("Log (s)", 9),
            "\x1b[36mLog \x1b[0m\x1b[1;36m(\x1b[0m\x1b[36ms\x1b[0m\x1b[1;36m)\x1b[0m"
            "\x1b[36m  \x1b[0m");
  EXPECT_EQ(plain.label("Log (s)", 9), "Log (s)  ");
}

TEST(Painter, OnlyNumbersThatStandAloneStandOut) {
  const auto number = [](std::string_view text) {
    return fmt::format("\x1b[1;36m{}\x1b[0m", text);
  };
  EXPECT_EQ(coloured.value("256"), number("256"));
  EXPECT_EQ(coloured.value("1.0"), number("1.0"));
  EXPECT_EQ(coloured.value("a/Llama-3.1-8B/c.json"), "a/Llama-" + number("3.1") + "-8B/c.json");
  EXPECT_EQ(coloured.value("x-300-sps10.jsonl"), "x-" + number("300") + "-sps10.jsonl");
  EXPECT_EQ(coloured.value("v1 _2 3_ .4"), "v1 _2 3_ .4");
  EXPECT_EQ(coloured.value("7."), number("7") + ".");
  EXPECT_EQ(plain.value("256"), "256");
}

TEST(Painter, ColumnsAreCharactersNotBytes) {
  EXPECT_EQ(columns_of("├─ NPU"), 6);
  EXPECT_EQ(columns_of(""), 0);
}

RC_GTEST_PROP(Painter, TitledRulesAreAsWideAsTheLine, ()) {
  const auto width = *rc::gen::inRange<std::int32_t>(40, 200);
  const auto length = *rc::gen::inRange<std::size_t>(1, 35);
  const std::string rule = Painter(width, false).titled_rule(std::string(length, 'x'));
  RC_ASSERT(columns_of(rule) == width + 1);  // and the line end
}

// The layout promises Python's and C's decimals; the formatting library must give the same.
RC_GTEST_PROP(Decimals, AreThoseOfPrintf, ()) {
  const double value = *rc::gen::arbitrary<double>();
  const auto quarter = *rc::gen::inRange<std::int64_t>(-100'000, 100'000);
  for (const double number : {value, static_cast<double>(quarter) / 8.0}) {
    std::array<char, 512> text{};
    std::snprintf(text.data(), text.size(), "%.2f", number);
    RC_ASSERT(fmt::format("{:.2f}", number) == text.data());
    std::snprintf(text.data(), text.size(), "%g", number);
    RC_ASSERT(fmt::format("{:g}", number) == text.data());
  }
}

}  // namespace
}  // namespace lockstep
