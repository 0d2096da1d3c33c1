#include "report/packed_columns.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "report/html_report.hpp"

namespace lockstep {
namespace {

using Json = nlohmann::ordered_json;

std::vector<std::uint8_t> from_base64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<std::uint8_t> bytes;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text.substr(0, text.find('='))) {
    bits = bits << 6 | static_cast<std::uint32_t>(kDigits.find(c));
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes.push_back(static_cast<std::uint8_t>(bits >> held));
    }
  }
  return bytes;
}

std::vector<std::int64_t> unpacked(std::string_view text) {
  std::vector<std::int64_t> values;
  std::int64_t above = 0;
  std::uint64_t zigzag = 0;
  int shift = 0;
  for (const std::uint8_t byte : from_base64(text)) {
    zigzag |= std::uint64_t{byte & 127U} << shift;
    shift += 7;
    if (byte < 128) {
      const auto half = static_cast<std::int64_t>(zigzag >> 1);
      above += zigzag % 2 == 0 ? half : -half - 1;
      values.push_back(above);
      zigzag = 0;
      shift = 0;
    }
  }
  return values;
}

TEST(PackedColumns, KnownBytes) {
  PackedColumns columns;
  Json table{{"a", {0, 1, 0, 64}}, {"b", Json::array()}};
  columns.pack(table);
  // Differences 0, 1, -1, 64 are 0, 2, 1, 128, the last in two bytes.
  EXPECT_EQ(columns.text(), "AAIBgAE=\n\n");
  EXPECT_EQ(table, (Json{{"a", {{"line", 0}, {"rows", 4}}}, {"b", {{"line", 1}, {"rows", 0}}}}));
}

TEST(PackedColumns, WhatIsNotWholeOrTooLargeStays) {
  const Json kept{{"half", {1, 0.5}},
                  {"text", {"1"}},
                  {"large", {std::int64_t{1} << 60}},
                  {"low", {-(std::int64_t{1} << 60)}},
                  {"unsigned", {~std::uint64_t{0}}},
                  {"missing", {nullptr}},
                  {"total", 7}};
  Json table = kept;
  PackedColumns columns;
  columns.pack(table);
  EXPECT_EQ(table, kept);
  EXPECT_EQ(columns.text(), "");
}

TEST(PackedColumns, TruthsAreOnesAndZeros) {
  PackedColumns columns;
  Json table{{"dummy", {true, false, true}}};
  columns.pack(table);
  EXPECT_EQ(unpacked(columns.text().substr(0, 4)), (std::vector<std::int64_t>{1, 0, 1}));
}

RC_GTEST_PROP(PackedColumns, ValuesComeBack, ()) {
  const std::int64_t most = std::int64_t{1} << 50;
  const auto values = *rc::gen::container<std::vector<std::int64_t>>(
      rc::gen::oneOf(rc::gen::inRange<std::int64_t>(-300, 300), rc::gen::inRange(-most, most + 1)));
  PackedColumns columns;
  Json table{{"first", {5}}, {"values", values}};
  columns.pack(table);
  const std::string& text = columns.text();
  const std::size_t begin = text.find('\n') + 1;
  RC_ASSERT(unpacked(std::string_view(text).substr(begin, text.size() - 1 - begin)) == values);
}

TEST(HtmlReport, NoTextEndsAnElementOrTakesAPlace) {
  std::vector<Json> runs;
  runs.push_back(
      {{"title", "</script><b>LOCKSTEP_TABLES \"LOCKSTEP_RUNS\""}, {"requests", {{"id", {1, 2}}}}});
  const std::string page = report_html(std::move(runs));
  EXPECT_EQ(page.find("</script><b>"), std::string::npos);
  EXPECT_NE(page.find("\\u003c/script>\\u003cb>LOCKSTEP_TABLES"), std::string::npos);
  EXPECT_NE(page.find("type=\"text/plain\">AgI=\n</script>"), std::string::npos);
}

}  // namespace
}  // namespace lockstep
