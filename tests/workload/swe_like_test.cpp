#include "workload/swe_like.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.hpp"
#include "workload/workload_stats.hpp"

namespace lockstep {
namespace {

std::vector<GeneratedSession> generate(const SweLikeOptions& options) {
  SweLikeGenerator generator(options);
  std::vector<GeneratedSession> sessions;
  GeneratedSession session;
  while (generator.next(session)) {
    sessions.push_back(session);
  }
  return sessions;
}

Workload as_workload(const std::vector<GeneratedSession>& sessions) {
  Workload workload;
  for (const GeneratedSession& session : sessions) {
    const auto index = static_cast<std::int32_t>(workload.sessions.size());
    workload.sessions.push_back({session.session_id,
                                 static_cast<std::int64_t>(workload.requests.size()),
                                 static_cast<std::int64_t>(session.calls.size())});
    for (std::size_t k = 0; k < session.calls.size(); ++k) {
      WorkloadRequest call = session.calls[k];
      call.session = index;
      call.session_call = static_cast<std::int32_t>(k);
      call.arrival = k == 0 ? session.arrival : Nanos{};
      workload.requests.push_back(std::move(call));
    }
  }
  return workload;
}

TEST(SweLike, DrawsTheDocumentedCallsAndArrivals) {
  EXPECT_EQ(SweLikeGenerator({}).drawn_calls(), 816);
  const auto sessions = generate({});
  ASSERT_EQ(sessions.size(), 50U);
  const std::vector<std::size_t> first_calls = {17, 17, 15, 19, 16, 13, 13, 14, 15, 10};
  std::size_t least = 20;
  std::size_t most = 0;
  for (std::size_t s = 0; s < sessions.size(); ++s) {
    if (s < first_calls.size()) {
      EXPECT_EQ(sessions[s].calls.size(), first_calls[s]) << s;
    }
    least = std::min(least, sessions[s].calls.size());
    most = std::max(most, sessions[s].calls.size());
    EXPECT_EQ(sessions[s].session_id, "task-" + std::to_string(s) + "-run0");
  }
  EXPECT_EQ(least, 10U);
  EXPECT_EQ(most, 19U);
  EXPECT_EQ(sessions[0].arrival, Nanos{4'059'740});
  EXPECT_EQ(sessions[1].arrival, Nanos{6'587'788'207});
  EXPECT_EQ(sessions[2].arrival, Nanos{7'435'769'666});
  EXPECT_EQ(sessions[3].arrival, Nanos{12'031'180'434});
  EXPECT_EQ(sessions[49].arrival, Nanos{243'447'351'879});
}

TEST(SweLike, HasTheDocumentedTotals) {
  const auto sessions = generate({});
  std::int64_t failures = 0;
  std::int64_t last_prompts = 0;
  std::int64_t longest = 0;
  std::int64_t tool_time = 0;
  std::int64_t tools = 0;
  for (const GeneratedSession& session : sessions) {
    last_prompts += session.calls.back().input_toks;
    longest = std::max(longest, session.calls.back().input_toks);
    for (std::size_t k = 0; k + 1 < session.calls.size(); ++k) {
      const Nanos tool = session.calls[k].tool_duration;
      failures += tool == Nanos{} ? 1 : 0;
      tools += tool == Nanos{} ? 0 : 1;
      tool_time += tool.count();
    }
  }
  EXPECT_EQ(failures, 123);
  EXPECT_EQ(last_prompts, 50 * 7814 + 17);  // mean 7814 (.34)
  EXPECT_EQ(longest, 12'748);
  EXPECT_NEAR(static_cast<double>(tool_time) / static_cast<double>(tools) / 1e6, 114.74, 0.005);

  const WorkloadStats stats = workload_stats(as_workload(sessions), 16);
  EXPECT_EQ(stats.calls, 765);
  EXPECT_EQ(stats.input_tokens, 3'744'369);
  EXPECT_EQ(stats.output_tokens, 156'243);
  EXPECT_EQ(stats.input.quantiles[3], 4514.0);
  EXPECT_EQ(stats.reuse.reused_tokens, 3'517'840);  // 94.0 %
}

TEST(SweLike, ExtendsEachPromptByTheAnswerUnlessTheCallFailed) {
  for (const GeneratedSession& session : generate({})) {
    for (std::size_t k = 0; k < session.calls.size(); ++k) {
      const WorkloadRequest& call = session.calls[k];
      ASSERT_EQ(static_cast<std::int64_t>(call.input_ids.size()), call.input_toks);
      ASSERT_EQ(static_cast<std::int64_t>(call.output_ids.size()), call.output_toks);
      ASSERT_EQ(call.input_ids[1023], 1023);
      if (k + 1 == session.calls.size()) {
        continue;
      }
      const TokenIds& next = session.calls[k + 1].input_ids;
      const bool failed = call.tool_duration == Nanos{};
      TokenIds expected = call.input_ids;
      if (!failed) {
        expected.insert(expected.end(), call.output_ids.begin(), call.output_ids.end());
      }
      ASSERT_GE(next.size(), expected.size() + (failed ? 123 : 27));
      ASSERT_TRUE(std::equal(expected.begin(), expected.end(), next.begin()));
      ASSERT_EQ(next[call.input_ids.size()] == call.output_ids[0], !failed);
    }
  }
}

TEST(SweLike, KeepsLengthsWithoutIds) {
  SweLikeOptions options;
  options.with_token_ids = false;
  const auto without = generate(options);
  const auto with = generate({});
  ASSERT_EQ(without.size(), with.size());
  for (std::size_t s = 0; s < with.size(); ++s) {
    ASSERT_EQ(without[s].calls.size(), with[s].calls.size());
    EXPECT_TRUE(without[s].calls[0].input_ids.empty());
    EXPECT_EQ(without[s].calls.back().input_toks, with[s].calls.back().input_toks);
  }
}

TEST(SweLike, EvensOutEveryNumberOfSessions) {
  for (const std::int64_t count : {1, 2, 3, 7, 200}) {
    SweLikeOptions options;
    options.sessions = count;
    options.seed = static_cast<std::uint32_t>(count);
    options.with_token_ids = false;
    std::size_t calls = 0;
    for (const GeneratedSession& session : generate(options)) {
      EXPECT_GE(session.calls.size(), 6U);
      EXPECT_LE(session.calls.size(), 20U);
      calls += session.calls.size();
    }
    EXPECT_NEAR(static_cast<double>(calls), 15.3 * static_cast<double>(count), 0.5);
  }
}

TEST(SweLike, RefusesNonsense) {
  for (const double rate : {0.0, -1.0, 1e-300}) {
    EXPECT_THROW(SweLikeGenerator({50, rate, 42, true}), UserError) << rate;
  }
  EXPECT_THROW(SweLikeGenerator({0, 0.2, 42, true}), UserError);
}

}  // namespace
}  // namespace lockstep
