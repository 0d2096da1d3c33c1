#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <optional>

#include "base/error.hpp"
#include "temporary_folder.hpp"
#include "workload/workload.hpp"

namespace lockstep {
namespace {

using ::testing::HasSubstr;
using testing::TemporaryFolder;

constexpr const char* kGood = "{\"input_toks\": 1, \"output_toks\": 2, \"arrival_time_ns\": 3}\n";

std::optional<UserError> error_of(const std::filesystem::path& file) {
  try {
    static_cast<void>(read_workload(file, {}));
  } catch (const UserError& error) {
    return error;
  }
  return std::nullopt;
}

struct BadLine {
  const char* line;     ///< stands on line 3, behind two good ones
  const char* path;     ///< expected Where::path
  const char* problem;  ///< part of the message
};

class BadLines : public ::testing::TestWithParam<BadLine> {};

TEST_P(BadLines, AreNamedByLineAndField) {
  const TemporaryFolder folder;
  const BadLine& bad = GetParam();
  for (const char* end : {"", "\n", "\n{}\n"}) {
    const auto file = folder.write("w.jsonl", std::string(kGood) + kGood + bad.line + end);
    const auto error = error_of(file);
    ASSERT_TRUE(error.has_value()) << bad.line;
    EXPECT_EQ(error->where().file, file.string());
    EXPECT_EQ(error->where().line, 3) << bad.line;
    EXPECT_EQ(error->where().path, bad.path) << error->what();
    EXPECT_THAT(error->problem(), HasSubstr(bad.problem)) << bad.line;
    EXPECT_FALSE(error->mend().empty());
  }
}

#define FLAT(input, output, arrival) \
  "{\"input_toks\": " input ", \"output_toks\": " output ", \"arrival_time_ns\": " arrival "}"
#define IDS(list) \
  "{\"input_toks\": 1, \"output_toks\": 1, \"arrival_time_ns\": 1, \"input_tok_ids\": " list "}"
#define SESSION(calls) \
  "{\"arrival_time_ns\": 1, \"session_id\": \"s\", \"sub_requests\": " calls "}"

INSTANTIATE_TEST_SUITE_P(
    Syntax, BadLines,
    ::testing::Values(BadLine{"{\"input_toks\": 1, \"output_toks\": 2, \"arrival_time_ns\": 3", "",
                              "no valid JSON"},
                      BadLine{"not JSON", "", "no JSON object"},
                      BadLine{"{\"input_toks\": 1 \"output_toks\": 2}", "", "no valid JSON"},
                      BadLine{"{\"input_toks\" 1}", "", "no valid JSON"},
                      BadLine{"\xff\xfe", "", "no valid JSON"},
                      BadLine{"[1]", "", "no JSON object"}, BadLine{"7", "", "no JSON object"},
                      BadLine{"null", "", "no JSON object"},
                      BadLine{FLAT("1", "2", "3") " {}", "", "follows the JSON object"},
                      BadLine{FLAT("1", "2", "3") " x}", "", "follows the JSON object"},
                      BadLine{IDS("[1, 2"), "", "no valid JSON"}));

INSTANTIATE_TEST_SUITE_P(
    Fields, BadLines,
    ::testing::Values(
        BadLine{"{\"output_toks\": 2, \"arrival_time_ns\": 3}", "input_toks", "missing"},
        BadLine{"{\"input_toks\": 2, \"arrival_time_ns\": 3}", "output_toks", "missing"},
        BadLine{"{\"input_toks\": 2, \"output_toks\": 3}", "arrival_time_ns", "missing"},
        BadLine{FLAT("-1", "2", "3"), "input_toks", "negative"},
        BadLine{FLAT("1", "-2.5", "3"), "output_toks", "negative"},
        BadLine{FLAT("4611686018427387905", "2", "3"), "input_toks", "out of range"},
        BadLine{FLAT("9223372036854775808", "2", "3"), "input_toks", "out of range"},
        BadLine{FLAT("1e300", "2", "3"), "input_toks", "out of range"},
        BadLine{FLAT("99999999999999999999999", "2", "3"), "input_toks", "no number"},
        BadLine{FLAT("01", "2", "3"), "input_toks", "no number"},
        BadLine{FLAT("4611686018427387904", "4611686018427387904", "3"), "output_toks", "sum"},
        BadLine{FLAT("\"x\"", "2", "3"), "input_toks", "a text"},
        BadLine{FLAT("\"13.7\"", "2", "3"), "input_toks", "a text"},
        BadLine{FLAT("\"1__0\"", "2", "3"), "input_toks", "a text"},
        BadLine{FLAT("\"\"", "2", "3"), "input_toks", "a text"},
        BadLine{FLAT("null", "2", "3"), "input_toks", "null"},
        BadLine{FLAT("1", "true", "3"), "output_toks", "true"},
        BadLine{FLAT("1", "2", "[3]"), "arrival_time_ns", "a list"},
        BadLine{FLAT("1", "2", "{}"), "arrival_time_ns", "an object"}));

INSTANTIATE_TEST_SUITE_P(
    TokenIds, BadLines,
    ::testing::Values(BadLine{IDS("5"), "input_tok_ids", "a number, not a list"},
                      BadLine{IDS("null"), "input_tok_ids", "null, not a list"},
                      BadLine{IDS("[1, 2147483648]"), "input_tok_ids", "`[1]"},
                      BadLine{IDS("[-2147483649]"), "input_tok_ids", "`[0]"},
                      BadLine{IDS("[99999999999999999999999999]"), "input_tok_ids", "`[0]"},
                      BadLine{IDS("[1, 2.5]"), "input_tok_ids", "`[1]"},
                      BadLine{IDS("[1, \"2\"]"), "input_tok_ids", "`[1]"},
                      BadLine{IDS("[1,, 2]"), "input_tok_ids", "`[1]"},
                      BadLine{IDS("[1, 2,]"), "input_tok_ids", "`[2]"},
                      BadLine{IDS("[01]"), "input_tok_ids", "`[0]"},
                      BadLine{IDS("[1 2]"), "input_tok_ids", "`[0]"},
                      BadLine{IDS("[[1]]"), "input_tok_ids", "`[0]"}));

INSTANTIATE_TEST_SUITE_P(
    Sessions, BadLines,
    ::testing::Values(
        BadLine{SESSION("5"), "sub_requests", "not a list"},
        BadLine{SESSION("[7]"), "sub_requests[0]", "not an object"},
        BadLine{SESSION("[{\"input_toks\": 1, \"output_toks\": 1}, {\"input_toks\": 1}]"),
                "sub_requests[1].output_toks", "missing"},
        BadLine{SESSION("[{\"input_toks\": 1, \"output_toks\": 1, \"tool_duration_ns\": -1}]"),
                "sub_requests[0].tool_duration_ns", "negative"},
        BadLine{SESSION("[{\"input_toks\": 1, \"output_toks\": 1, \"output_tok_ids\": [1, x]}]"),
                "sub_requests[0].output_tok_ids", "`[1]"},
        BadLine{"{\"sub_requests\": [{\"input_toks\": 1, \"output_toks\": 1}]}", "arrival_time_ns",
                "missing"},
        BadLine{"{\"arrival_time_ns\": 0, \"session_id\": null, \"sub_requests\": "
                "[{\"input_toks\": 1, \"output_toks\": 1}]}",
                "session_id", "neither a text"}));

TEST(WorkloadErrors, NameBothLinesOfADuplicateSession) {
  const TemporaryFolder folder;
  const std::string line = SESSION("[{\"input_toks\": 1, \"output_toks\": 1}]") "\n";
  const auto error = error_of(folder.write("w.jsonl", kGood + line + kGood + line));
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->where().line, 4);
  EXPECT_EQ(error->where().path, "session_id");
  EXPECT_THAT(error->problem(), HasSubstr("line 2"));
}

TEST(WorkloadErrors, NameTheBlankLine) {
  const TemporaryFolder folder;
  const auto error = error_of(folder.write("w.jsonl", std::string(kGood) + " \n\n" + kGood));
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->where().line, 2);
}

TEST(WorkloadErrors, CoverFilesWithoutRequests) {
  const TemporaryFolder folder;
  for (const char* text : {"", "\n\n", "{\"sub_requests\": []}\n"}) {
    const auto error = error_of(folder.write("w.jsonl", text));
    ASSERT_TRUE(error.has_value());
    EXPECT_THAT(error->problem(), HasSubstr("no request"));
  }
}

TEST(WorkloadErrors, CoverMissingFilesAndFolders) {
  const TemporaryFolder folder;
  const auto missing = error_of(folder.path() / "absent.jsonl");
  ASSERT_TRUE(missing.has_value());
  EXPECT_THAT(missing->problem(), HasSubstr("does not exist"));
  const auto directory = error_of(folder.path());
  ASSERT_TRUE(directory.has_value());
  EXPECT_THAT(directory->problem(), HasSubstr("folder"));
}

}  // namespace
}  // namespace lockstep
