// The terms of the modelled engine in whole runs.
#include <gtest/gtest.h>

#include "engine/step_padding.hpp"
#include "engine/system_fixture.hpp"

namespace lockstep {
namespace {

using testing::Calls;
using testing::expect_sound;
using testing::Outcome;
using testing::Replica;
using testing::run_toy;
using testing::ToyCluster;

RunOptions with_terms(const char* terms) {
  RunOptions options = testing::round_robin();
  options.fidelity = Fidelity::vllm;
  options.engine_terms = engine_terms_from(terms, "--engine-terms");
  return options;
}

Calls busy() {
  Calls calls;
  for (int i = 0; i < 24; ++i) {
    calls.add(1000 * i, 40 + 13 * i, 5 + i % 7);
  }
  return calls;
}

ToyCluster group_of_two(int tp = 1) {
  Replica replica;
  replica.model = "toy/moe";
  replica.tp = tp;
  replica.ep = 2 * tp;
  replica.group = "A";
  return {2, replica};
}

TEST(EngineTermsRuns, EveryTermServesEverybody) {
  for (const char* terms :
       {"none", "async-scheduling", "graph-padding", "independent-experts", "collective-curves",
        "memory-profile", "separate-prompts", "host-launches", "all"}) {
    SCOPED_TRACE(terms);
    Replica wide;
    wide.tp = 2;
    for (const ToyCluster& cluster :
         {ToyCluster{}, ToyCluster{1, wide}, group_of_two(), group_of_two(2)}) {
      expect_sound(run_toy(cluster, busy(), with_terms(terms)), busy());
    }
  }
}

TEST(EngineTermsRuns, ALateRequestWaitsForTheStepThatIsPutTogetherAlready) {
  // The first request decodes for long; the second comes while it does.
  const auto first_token = [](const char* terms, Nanos* step) {
    Calls calls;
    calls.add(0, 64, 60).add(3'000'000, 64, 4);
    const Outcome outcome = run_toy(ToyCluster{}, calls, with_terms(terms));
    const std::vector<Request> served = outcome.by_id();
    *step = served[0].itl.back();
    return served[1].ttft - served[1].queuing_delay;
  };
  Nanos step;
  const Nanos plain = first_token("none", &step);
  const Nanos ahead = first_token("async-scheduling", &step);
  EXPECT_GT(ahead, plain + step / 2) << "one step more between schedule and first token";
  EXPECT_LT(ahead, plain + step * 2);
}

TEST(EngineTermsRuns, StepsFollowEachOtherWithoutAGap) {
  const Outcome outcome = run_toy(ToyCluster{}, busy(), with_terms("async-scheduling"));
  const Outcome plain = run_toy(ToyCluster{}, busy(), with_terms("none"));
  EXPECT_LE(outcome.last_end(), plain.last_end() + plain.last_end() / 4);
}

TEST(StepPadding, GraphsHaveCapturedLengths) {
  Instance instance;
  instance.terms.graph_padding = true;
  instance.capture_sizes = {1, 2, 4, 8};
  const auto padded = [&](std::int64_t a, std::int64_t b) {
    Batch first, second;
    first.total_len = first.num_decode = a;
    second.total_len = second.num_decode = b;
    std::vector<Batch*> wave = {&first, &second};
    pad_step(wave, instance);
    EXPECT_EQ(first.wave_tokens, first.total_len + second.total_len);
    EXPECT_EQ(first.graph, second.graph);
    return std::make_tuple(first.total_len, second.total_len, first.graph);
  };
  EXPECT_EQ(padded(3, 1), std::make_tuple(4, 4, GraphUse::full));
  EXPECT_EQ(padded(8, 5), std::make_tuple(8, 8, GraphUse::full));
  EXPECT_EQ(padded(9, 5), std::make_tuple(9, 5, GraphUse::none)) << "no graph: everybody its own";
  instance.terms.graph_padding = false;
  EXPECT_EQ(padded(9, 5), std::make_tuple(9, 9, GraphUse::none));
  EXPECT_EQ(padded(3, 1), std::make_tuple(3, 3, GraphUse::full));
}

TEST(StepPadding, APromptInAnyMemberLeavesAttentionOutOfTheGraph) {
  Instance instance;
  instance.terms.graph_padding = true;
  instance.capture_sizes = {8};
  Batch prompt, decode;
  prompt.total_len = 5;
  prompt.num_prefill = 1;
  decode.total_len = decode.num_decode = 2;
  std::vector<Batch*> wave = {&decode, &prompt};
  pad_step(wave, instance);
  EXPECT_EQ(decode.graph, GraphUse::pieces);
}

TEST(EngineTermsRuns, LaunchesBoundStepsWithoutGraphs) {
  // 4 blocks of a tiny model: kernels of microseconds, launches of 80 us each.
  Calls calls;
  calls.add(0, 600, 2);
  const auto first = [&](const char* terms) {
    return run_toy(ToyCluster{}, calls, with_terms(terms)).by_id()[0].ttft;
  };
  EXPECT_LT(first("none"), Nanos{2'000'000});
  EXPECT_GT(first("host-launches"), Nanos{80'000LL * 4 * 8});
}

}  // namespace
}  // namespace lockstep
