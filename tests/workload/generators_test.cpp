#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.hpp"
#include "temporary_folder.hpp"
#include "workload/chat_generator.hpp"
#include "workload/flat_generator.hpp"
#include "workload/workload_stats.hpp"
#include "workload/workload_writer.hpp"

namespace lockstep {
namespace {

std::vector<WorkloadRequest> generate(const FlatOptions& options) {
  FlatGenerator generator(options);
  std::vector<WorkloadRequest> requests;
  WorkloadRequest request;
  while (generator.next(request)) {
    requests.push_back(request);
  }
  return requests;
}

std::vector<GeneratedSession> generate(const ChatOptions& options) {
  ChatGenerator generator(options);
  std::vector<GeneratedSession> sessions;
  GeneratedSession session;
  while (generator.next(session)) {
    sessions.push_back(session);
  }
  return sessions;
}

TEST(FlatGenerator, DrawsIdsFromTheKeyedStreamPromptFirst) {
  FlatOptions options;
  options.num_requests = 2;
  options.input = FixedLength{2};
  options.output = FixedLength{3};
  options.with_token_ids = true;
  options.vocabulary = 5000;
  const auto requests = generate(options);
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].input_ids, (TokenIds{912, 204}));
  EXPECT_EQ(requests[0].output_ids, (TokenIds{2253, 2006, 1828}));
  EXPECT_EQ(requests[0].arrival, Nanos{46'926'808});
  EXPECT_EQ(requests[1].arrival, Nanos{347'938'951});
}

TEST(FlatGenerator, KeepsOneConcernWhenAnotherChanges) {
  FlatOptions options;
  options.input = parse_lengths("uniform:1:100", "");
  options.output = parse_lengths("uniform:1:100", "");
  const auto base = generate(options);
  options.with_token_ids = true;
  options.arrivals.kind = ArrivalKind::gamma;
  options.arrivals.shape = 0.3;
  const auto gamma = generate(options);
  options.reuse = 0.5;
  const auto reuse = generate(options);
  for (std::size_t i = 0; i < base.size(); ++i) {
    EXPECT_EQ(base[i].input_toks, gamma[i].input_toks);
    EXPECT_EQ(base[i].output_toks, gamma[i].output_toks);
    EXPECT_EQ(gamma[i].arrival, reuse[i].arrival);
    EXPECT_EQ(reuse[i].input_ids.size(), static_cast<std::size_t>(base[i].input_toks));
    EXPECT_EQ(reuse[i].output_ids.size(), static_cast<std::size_t>(base[i].output_toks));
  }
}

TEST(FlatGenerator, ReusesEarlierPromptsInTheGivenShare) {
  FlatOptions options;
  options.num_requests = 1000;
  options.input = FixedLength{200};
  options.output = FixedLength{10};
  options.with_token_ids = true;
  options.reuse = 0.4;
  Workload workload;
  workload.requests = generate(options);
  const PrefixReuse reuse = prefix_reuse(workload, 1);
  EXPECT_NEAR(static_cast<double>(reuse.reusing_calls), 400.0, 50.0);
  EXPECT_NEAR(static_cast<double>(reuse.reused_tokens), 0.4 * 0.5 * 200'000.0, 6000.0);
}

TEST(FlatGenerator, RefusesNonsense) {
  FlatOptions none;
  none.num_requests = 0;
  EXPECT_THROW(FlatGenerator{none}, UserError);
  FlatOptions vocabulary;
  vocabulary.vocabulary = 0;
  EXPECT_THROW(FlatGenerator{vocabulary}, UserError);
  FlatOptions reuse;
  reuse.reuse = 1.5;
  EXPECT_THROW(FlatGenerator{reuse}, UserError);
}

TEST(ChatGenerator, GrowsEachPromptByAnswerAndMessage) {
  ChatOptions options;
  options.sessions = 50;
  const auto sessions = generate(options);
  ASSERT_EQ(sessions.size(), 50U);
  std::size_t calls = 0;
  for (const GeneratedSession& session : sessions) {
    ASSERT_FALSE(session.calls.empty());
    ASSERT_LE(session.calls.size(), 8U);
    calls += session.calls.size();
    EXPECT_EQ(session.calls.back().tool_duration, Nanos{});
    for (std::size_t k = 0; k + 1 < session.calls.size(); ++k) {
      const WorkloadRequest& call = session.calls[k];
      const WorkloadRequest& next = session.calls[k + 1];
      EXPECT_GE(next.input_toks, call.input_toks + call.output_toks + 4);
      EXPECT_LE(next.input_toks + next.output_toks, options.longest);
      EXPECT_GE(call.tool_duration, Nanos{0});
      TokenIds expected = call.input_ids;
      expected.insert(expected.end(), call.output_ids.begin(), call.output_ids.end());
      ASSERT_TRUE(std::equal(expected.begin(), expected.end(), next.input_ids.begin()));
    }
  }
  EXPECT_GT(calls, 150U);
}

TEST(Generators, GiveTheSameBytesForTheSameSeed) {
  const testing::TemporaryFolder folder;
  const auto bytes = [&folder](std::uint32_t seed) {
    FlatOptions flat;
    flat.num_requests = 20;
    flat.with_token_ids = true;
    flat.input = parse_lengths("lognormal:4:1:1:999", "");
    flat.reuse = 0.3;
    flat.seed = seed;
    ChatOptions chat;
    chat.sessions = 3;
    chat.seed = seed;
    WorkloadWriter writer(folder.path() / "w.jsonl");
    for (const WorkloadRequest& request : generate(flat)) {
      writer.write_request(request);
    }
    for (const GeneratedSession& session : generate(chat)) {
      writer.write_session(session.session_id, session.arrival, session.calls);
    }
    writer.finish();
    return testing::file_text(folder.path() / "w.jsonl");
  };
  const std::string first = bytes(7);
  EXPECT_FALSE(first.empty());
  EXPECT_TRUE(first == bytes(7));
  EXPECT_FALSE(first == bytes(8));
}

}  // namespace
}  // namespace lockstep
