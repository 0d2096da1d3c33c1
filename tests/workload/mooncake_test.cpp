// Prompts given as prefix ids: reading, writing, and traces of Mooncake's form.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <numeric>
#include <optional>

#include "base/error.hpp"
#include "temporary_folder.hpp"
#include "workload/prefix_ids.hpp"
#include "workload/public_trace.hpp"
#include "workload/workload.hpp"
#include "workload/workload_stats.hpp"
#include "workload/workload_writer.hpp"

namespace lockstep {
namespace {

using ::testing::HasSubstr;
using testing::TemporaryFolder;

constexpr const char* kPublished =
    R"({"timestamp": 27482, "input_length": 1100, "output_length": 52, "hash_ids": [46, 47, 2353]})";

Workload read_text(const std::string& text, const WorkloadReadOptions& options = {}) {
  return read_workload_text(text, "w", options);
}

std::optional<UserError> error_of(const std::string& line) {
  try {
    static_cast<void>(read_text(std::string(kPublished) + "\n" + line));
  } catch (const UserError& error) {
    return error;
  }
  return std::nullopt;
}

TEST(MooncakeLines, AreFlatRequestsInOtherWords) {
  const Workload read = read_text(
      std::string(kPublished) + "\n" +
      R"({"input_toks": 513, "output_toks": 2, "arrival_time_ns": 3, "prefix_ids": [46, 9]})"
      "\n" +
      R"({"hash_ids": [], "output_length": 1, "timestamp": 0.5, "input_length": 7, "turn": 2})");
  ASSERT_EQ(read.requests.size(), 3U);
  EXPECT_EQ(read.requests[0].arrival, Nanos{27'482'000'000});
  EXPECT_EQ(read.requests[0].input_toks, 1100);
  EXPECT_EQ(read.requests[0].output_toks, 52);
  EXPECT_EQ(read.requests[0].prefix_ids, (TokenIds{46, 47, 2353}));
  EXPECT_TRUE(read.requests[0].input_ids.empty());
  EXPECT_EQ(read.requests[1].prefix_ids, (TokenIds{46, 9}));
  EXPECT_EQ(read.requests[2].arrival, Nanos{500'000});
  EXPECT_TRUE(read.requests[2].prefix_ids.empty());
  EXPECT_EQ(read.requests[2].id, 2);
  EXPECT_TRUE(read_text(kPublished, {0, false}).requests[0].prefix_ids.empty());
}

TEST(MooncakeLines, AreRefusedWithLineAndField) {
  struct Bad {
    const char* line;
    const char* path;
    const char* problem;
  };
  for (
      const Bad& bad : {
          Bad{R"({"timestamp": 1, "input_length": 1100, "output_length": 5, "hash_ids": [1, 2]})",
              "hash_ids", "2 ids, but 1100 prompt tokens take 3"},
          Bad{R"({"timestamp": 1, "input_length": 1024, "output_length": 5, "hash_ids": [1, 2, 3]})",
              "hash_ids", "3 ids, but 1024 prompt tokens take 2"},
          Bad{R"({"timestamp": 1, "input_length": 5, "output_length": 5, "hash_ids": 7})",
              "hash_ids", "not a list"},
          Bad{R"({"timestamp": 1, "input_length": 5, "output_length": 5, "hash_ids": [4294967296]})",
              "hash_ids", "`[0]"},
          Bad{R"({"timestamp": -1, "input_length": 5, "output_length": 5, "hash_ids": [1]})",
              "timestamp", "out of range"},
          Bad{R"({"timestamp": -0.5, "input_length": 5, "output_length": 5, "hash_ids": [1]})",
              "timestamp", "out of range"},
          Bad{R"({"timestamp": 1e300, "input_length": 5, "output_length": 5, "hash_ids": [1]})",
              "timestamp", "out of range"},
          Bad{R"({"timestamp": 4611686018428, "input_length": 5, "output_length": 5})", "timestamp",
              "out of range"},
          Bad{R"({"input_length": 5, "output_length": 5, "hash_ids": [1]})", "timestamp",
              "missing"},
          Bad{R"({"timestamp": 1, "input_length": 5, "hash_ids": [1]})", "output_length",
              "missing"},
          Bad{R"({"timestamp": 1, "output_length": 5, "hash_ids": [1]})", "input_length",
              "missing"},
          Bad{R"({"input_toks": 5, "output_toks": 1, "arrival_time_ns": 1, "prefix_ids": [1, 2]})",
              "prefix_ids", "2 ids, but 5 prompt tokens take 1"},
          Bad{R"({"input_toks": 1, "output_toks": 1, "arrival_time_ns": 1, "prefix_ids": [1], )"
              R"("input_tok_ids": [3]})",
              "prefix_ids", "and as token ids"},
          Bad{R"({"arrival_time_ns": 1, "sub_requests": [{"input_toks": 1, "output_toks": 1, )"
              R"("prefix_ids": [1, 2]}]})",
              "sub_requests[0].prefix_ids", "2 ids"},
      }) {
    const auto error = error_of(bad.line);
    ASSERT_TRUE(error.has_value()) << bad.line;
    EXPECT_EQ(error->where().line, 2) << bad.line;
    EXPECT_EQ(error->where().path, bad.path) << bad.line;
    EXPECT_THAT(error->problem(), HasSubstr(bad.problem)) << bad.line;
    EXPECT_FALSE(error->mend().empty());
  }
}

WorkloadRequest any_request() {
  WorkloadRequest request;
  request.input_toks = *rc::gen::inRange<std::int64_t>(0, 4000);
  request.output_toks = *rc::gen::inRange<std::int64_t>(0, 1000);
  request.arrival = Nanos{*rc::gen::inRange<std::int64_t>(0, 4'000'000'000) * 1'000'000};
  const auto count = static_cast<std::size_t>(prefix_ids_of(request.input_toks));
  request.prefix_ids = *rc::gen::container<TokenIds>(count, rc::gen::arbitrary<std::int32_t>());
  return request;
}

RC_GTEST_PROP(PrefixIds, AreReadAsWrittenInBothForms, ()) {
  const TemporaryFolder folder;
  const WorkloadRequest written = any_request();
  for (const bool mooncake : {false, true}) {
    WorkloadWriter writer(folder.path() / "w.jsonl");
    mooncake ? writer.write_mooncake(written) : writer.write_request(written);
    writer.finish();
    const Workload all = read_workload(folder.path() / "w.jsonl", {});
    const WorkloadRequest& read = all.requests.at(0);
    RC_ASSERT(read.input_toks == written.input_toks && read.output_toks == written.output_toks);
    RC_ASSERT(read.arrival.count() == written.arrival.count());
    RC_ASSERT(read.prefix_ids == written.prefix_ids && read.input_ids.empty());
  }
}

/// The obvious model: every token by itself.
TokenIds tokens_of(const WorkloadRequest& request) {
  TokenIds tokens;
  for (std::int64_t t = 0; t < request.input_toks; ++t) {
    const std::int32_t id = request.prefix_ids[static_cast<std::size_t>(t / 512)];
    tokens.push_back(id * 512 + static_cast<std::int32_t>(t % 512));
  }
  return tokens;
}

RC_GTEST_PROP(PrefixIds, AreReusedAsTheTokensThatTheyStandFor, ()) {
  Workload by_ids;
  Workload by_tokens;
  const auto count = *rc::gen::inRange(2, 12);
  for (int i = 0; i < count; ++i) {
    WorkloadRequest request;
    request.input_toks = *rc::gen::inRange<std::int64_t>(1, 2500);
    const auto ids = static_cast<std::size_t>(prefix_ids_of(request.input_toks));
    request.prefix_ids = *rc::gen::container<TokenIds>(ids, rc::gen::inRange(0, 2));
    by_ids.requests.push_back(request);
    request.input_ids = tokens_of(request);
    request.prefix_ids.clear();
    by_tokens.requests.push_back(std::move(request));
  }
  const auto block = *rc::gen::element<std::int64_t>(1, 16, 48, 500, 512, 768, 1024);
  const PrefixReuse got = prefix_reuse(by_ids, block);
  const PrefixReuse expected = prefix_reuse(by_tokens, block);
  RC_TAG(expected.reused_tokens > 0);
  RC_ASSERT(got.reused_tokens == expected.reused_tokens);
  RC_ASSERT(got.reusing_calls == expected.reusing_calls);
  RC_ASSERT(got.calls_with_ids == count);
}

TEST(PrefixReuse, TellsPrefixIdsFromTokens) {
  Workload workload;
  workload.requests.resize(2);
  workload.requests[0].input_toks = workload.requests[1].input_toks = 2;
  workload.requests[0].prefix_ids = {0};
  workload.requests[1].input_ids = {0, 1};
  EXPECT_EQ(prefix_reuse(workload, 1).reused_tokens, 0);
}

TEST(MooncakeTrace, IsCutLikeTheOthersAndKeepsItsIds) {
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 6; ++i) {
    text += R"({"timestamp": )" + std::to_string(1000 * i + 500) + R"(, "input_length": 600, )" +
            R"("output_length": )" + std::to_string(i == 3 ? 0 : 9) + R"(, "hash_ids": [7, )" +
            std::to_string(i) + "]}\n";
  }
  const auto file = folder.write("t.jsonl", text);
  TraceSelection selection;
  selection.start_seconds = 1;
  selection.duration_seconds = 4;
  selection.max_requests = 2;
  const PublicTrace trace = read_public_trace(file, TraceForm::mooncake, selection);
  EXPECT_EQ(trace.rows, 6);
  EXPECT_EQ(trace.without_tokens, 1);
  ASSERT_EQ(trace.requests.size(), 2U);
  EXPECT_EQ(trace.requests[0].arrival, Nanos{0});
  EXPECT_EQ(trace.requests[1].arrival, Nanos{1'000'000'000});
  EXPECT_EQ(trace.requests[1].prefix_ids, (TokenIds{7, 2}));
  const auto with_tokens = folder.write(
      "x.jsonl",
      R"({"input_toks": 1, "output_toks": 1, "arrival_time_ns": 0, "input_tok_ids": [1]})");
  EXPECT_THROW(static_cast<void>(read_public_trace(with_tokens, TraceForm::mooncake, {})),
               UserError);
}

}  // namespace
}  // namespace lockstep
