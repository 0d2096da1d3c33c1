#include <gtest/gtest.h>

#include "base/error.hpp"
#include "temporary_folder.hpp"
#include "workload/line_reader.hpp"
#include "workload/workload.hpp"

namespace lockstep {
namespace {

using testing::TemporaryFolder;

Workload read(std::string_view text, const WorkloadReadOptions& options = {}) {
  const TemporaryFolder folder;
  return read_workload(folder.write("workload.jsonl", text), options);
}

TEST(WorkloadReader, NumbersFlatRequestsAndCallsInFileOrder) {
  const Workload workload = read(
      "{\"input_toks\": 10, \"output_toks\": 70, \"arrival_time_ns\": 5}\n"
      "{\"arrival_time_ns\": 5, \"sub_requests\": [{\"input_toks\": 4, \"output_toks\": 2, "
      "\"tool_duration_ns\": 100}, {\"input_toks\": 6, \"output_toks\": 2}]}\n"
      "{\"input_toks\": 1, \"output_toks\": 1, \"arrival_time_ns\": -3}\n");
  ASSERT_EQ(workload.requests.size(), 4U);
  ASSERT_EQ(workload.sessions.size(), 1U);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(workload.requests[i].id, static_cast<std::int64_t>(i));
  }
  EXPECT_EQ(workload.requests[0].session, -1);
  EXPECT_EQ(workload.requests[1].session, 0);
  EXPECT_EQ(workload.requests[1].arrival, Nanos{5});
  EXPECT_EQ(workload.requests[1].tool_duration, Nanos{100});
  EXPECT_EQ(workload.requests[2].session_call, 1);
  EXPECT_EQ(workload.requests[2].arrival, Nanos{0});
  EXPECT_EQ(workload.requests[2].tool_duration, Nanos{0});
  EXPECT_EQ(workload.requests[3].arrival, Nanos{-3});
  EXPECT_EQ(workload.sessions[0].session_id, "session_1");
  EXPECT_EQ(workload.sessions[0].first_request, 1);
  EXPECT_EQ(workload.sessions[0].num_calls, 2);
}

TEST(WorkloadReader, PrioritiesOfRequestsCallsAndSessions) {
  const Workload workload =
      read(R"({"input_toks":1,"output_toks":1,"arrival_time_ns":0,"priority":-3})"
           "\n"
           R"({"arrival_time_ns":0,"priority":7,"sub_requests":[{"input_toks":1,"output_toks":1},)"
           R"({"input_toks":1,"output_toks":1,"priority":"2"}]})"
           "\n"
           R"({"timestamp":0,"input_length":1,"output_length":1,"hash_ids":[1],"priority":4})"
           "\n"
           R"({"input_toks":1,"output_toks":1,"arrival_time_ns":0})");
  std::vector<std::int64_t> priorities;
  for (const WorkloadRequest& request : workload.requests) {
    priorities.push_back(request.priority);
  }
  EXPECT_EQ(priorities, (std::vector<std::int64_t>{-3, 7, 2, 4, 0}));
}

TEST(WorkloadReader, AdaptersAreNumberedInOrder) {
  const Workload workload =
      read(R"({"input_toks":1,"output_toks":1,"arrival_time_ns":0,"lora":"sql"})"
           "\n"
           R"({"arrival_time_ns":0,"lora":7,"sub_requests":[{"input_toks":1,"output_toks":1},)"
           R"({"input_toks":1,"output_toks":1,"lora":"chat"}]})"
           "\n"
           R"({"input_toks":1,"output_toks":1,"arrival_time_ns":0})"
           "\n"
           R"({"timestamp":0,"input_length":1,"output_length":1,"hash_ids":[1],"lora":"sql"})");
  std::vector<std::int32_t> adapters;
  for (const WorkloadRequest& request : workload.requests) {
    adapters.push_back(request.lora);
  }
  EXPECT_EQ(adapters, (std::vector<std::int32_t>{0, 1, 2, -1, 0}));
  EXPECT_EQ(workload.loras, (std::vector<std::string>{"sql", "7", "chat"}));
  EXPECT_THROW((void)read(R"({"input_toks":1,"output_toks":1,"arrival_time_ns":0,"lora":[1]})"),
               UserError);
}

TEST(WorkloadReader, TakesTokenIdsOnlyWhenWanted) {
  const char* text =
      R"({"input_toks":3,"output_toks":2,"arrival_time_ns":0,"input_tok_ids":[ 1 ,-2,2147483647],)"
      R"("output_tok_ids":[0,-2147483648]})";
  const Workload with = read(text);
  EXPECT_EQ(with.requests[0].input_ids, (TokenIds{1, -2, 2147483647}));
  EXPECT_EQ(with.requests[0].output_ids, (TokenIds{0, -2147483647 - 1}));
  const Workload without = read(text, {0, false});
  EXPECT_TRUE(without.requests[0].input_ids.empty());
  EXPECT_TRUE(without.requests[0].output_ids.empty());
  EXPECT_EQ(without.requests[0].input_toks, 3);
}

TEST(WorkloadReader, ConvertsNumbersAsTheFormatSays) {
  const Workload workload =
      read(R"({"input_toks": 13.7, "output_toks": " 1_000 ", "arrival_time_ns": "-12"})"
           "\n"
           R"({"input_toks": 1e3, "output_toks": "+07", "arrival_time_ns": -0.9})");
  EXPECT_EQ(workload.requests[0].input_toks, 13);
  EXPECT_EQ(workload.requests[0].output_toks, 1000);
  EXPECT_EQ(workload.requests[0].arrival, Nanos{-12});
  EXPECT_EQ(workload.requests[1].input_toks, 1000);
  EXPECT_EQ(workload.requests[1].output_toks, 7);
  EXPECT_EQ(workload.requests[1].arrival, Nanos{0});
}

TEST(WorkloadReader, CountsASessionAsOneLineAndLeavesTheRestUnparsed) {
  const char* text =
      "{\"sub_requests\": []}\n"
      "{\"arrival_time_ns\": 1, \"session_id\": \"a\", \"sub_requests\": "
      "[{\"input_toks\": 4, \"output_toks\": 2}, {\"input_toks\": 6, \"output_toks\": 2}]}\n"
      "this is not JSON\n";
  const Workload workload = read(text, {2, true});
  EXPECT_EQ(workload.requests.size(), 2U);
  EXPECT_EQ(workload.sessions.size(), 1U);
  EXPECT_EQ(workload.requests[0].id, 0) << "an empty session takes no ids";
  EXPECT_THROW(static_cast<void>(read(text, {3, true})), UserError);
}

TEST(WorkloadReader, AcceptsBlankLinesOnlyAtTheEnd) {
  const std::string line = R"({"input_toks": 1, "output_toks": 2, "arrival_time_ns": 3})";
  EXPECT_EQ(read(line).requests.size(), 1U);
  EXPECT_EQ(read(line + "\n").requests.size(), 1U);
  EXPECT_EQ(read(line + "\r\n" + line + "\r\n\r\n \t\n\n").requests.size(), 2U);
}

TEST(WorkloadReader, LetsTheLastOfTwoEqualKeysCountAndIgnoresUnknownOnes) {
  const Workload workload =
      read(R"({"input_toks": 1, "x": {"input_toks": [9, {"a": "]}"}]}, "output_toks": 2,)"
           R"( "arrival_time_ns": 3, "y": null, "input_toks": 5, "\u0069nput_toks": 6})");
  EXPECT_EQ(workload.requests[0].input_toks, 6);
}

TEST(WorkloadReader, UnderstandsSessionIds) {
  const Workload workload = read(
      R"({"session_id": "Zoë \"x\"", "arrival_time_ns": 0, "sub_requests": [{"input_toks": 1, "output_toks": 1}]})"
      "\n"
      R"({"session_id": 7, "arrival_time_ns": 0, "sub_requests": [{"input_toks": 1, "output_toks": 1}]})");
  EXPECT_EQ(workload.sessions[0].session_id, "Zoë \"x\"");
  EXPECT_EQ(workload.sessions[1].session_id, "7");
}

TEST(WorkloadReader, ReadsLinesLongerThanItsBlocks) {
  std::string text =
      R"({"input_toks": 1, "output_toks": 2, "arrival_time_ns": 3, "input_tok_ids": [)";
  TokenIds expected;
  while (text.size() < 16 * LineReader::kBlock) {
    const auto id = static_cast<std::int32_t>(expected.size() * 7919 % 200'000);
    text += (expected.empty() ? "" : ", ") + std::to_string(id);
    expected.push_back(id);
  }
  text += "]}\n";
  const std::string line = R"({"input_toks": 8, "output_toks": 2, "arrival_time_ns": 3})";
  const Workload workload = read(line + "\n" + text + line);
  ASSERT_EQ(workload.requests.size(), 3U);
  EXPECT_TRUE(workload.requests[1].input_ids == expected);
  EXPECT_EQ(workload.requests[2].input_toks, 8);
}

TEST(LineReader, RefusesALineThatIsTooLongBeforeItIsAllInMemory) {
  const TemporaryFolder folder;
  const std::size_t longest = LineReader::kBlock;
  LineReader reader(folder.write("lines", "first\n" + std::string(8 * longest, 'x') + "\n"),
                    longest);
  EXPECT_EQ(reader.next(), "first");
  try {
    static_cast<void>(reader.next());
    FAIL() << "a line of eight times the limit";
  } catch (const UserError& error) {
    EXPECT_EQ(error.where().line, 2);
  }
}

TEST(LineReader, FindsLinesAcrossBlockBorders) {
  const TemporaryFolder folder;
  std::string text;
  std::vector<std::string> lines;
  for (std::size_t length = 0; text.size() < 3 * LineReader::kBlock; length = length * 3 / 2 + 1) {
    lines.emplace_back(length % 300'000, static_cast<char>('a' + length % 26));
    text += lines.back() + "\n";
  }
  LineReader reader(folder.write("lines", text));
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto line = reader.next();
    ASSERT_TRUE(line.has_value());
    EXPECT_TRUE(*line == lines[i]) << "line " << i + 1;
    EXPECT_EQ(reader.line_number(), static_cast<std::int64_t>(i) + 1);
  }
  EXPECT_FALSE(reader.next().has_value());
}

}  // namespace
}  // namespace lockstep
