// The terms of the modelled engine in whole runs.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
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
        "memory-profile", "separate-prompts", "host-launches", "unsplit-decodes", "all"}) {
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

/// All time stamps, or why there is no run.
std::string story(const ToyCluster& cluster, const Calls& calls, const RunOptions& options) {
  std::string text;
  try {
    for (const Request& request : run_toy(cluster, calls, options).by_id()) {
      text += fmt::format("{} {} {}", request.queuing_delay.count(), request.ttft.count(),
                          request.end_time.count());
      for (const Nanos gap : request.itl) {
        text += fmt::format(" {}", gap.count());
      }
      text += '\n';
    }
  } catch (const UserError& error) {
    text = error.problem();
  }
  return text;
}

/// A run in which a term has a say, and one in which it has none.
struct Reach {
  const char* term;
  ToyCluster cluster;
  Calls calls;
  ToyCluster other_cluster;
  Calls other_calls;
};

/// All decode together; the toy models have four KV heads, so that 76 of them fill the GPU.
Calls one_long_among(int requests) {
  Calls calls;
  calls.add(0, 1200, 30);
  for (int i = 1; i < requests; ++i) {
    calls.add(0, 8, 30);
  }
  return calls;
}

std::vector<Reach> reaches() {
  const Calls alone = Calls().add(0, 128, 8);
  Replica experts, wide, stages, small, given;
  experts.model = "toy/moe";
  wide.tp = 2;
  stages.pp = 2;
  small.mem_size = 0.25;
  given.mem_size = 0.25;
  given.more = R"("num_gpu_blocks":1000)";
  return {{"async-scheduling", {}, Calls().add(0, 64, 60).add(3'000'000, 64, 4), {}, alone},
          {"graph-padding", {}, Calls().add(0, 129, 8), {}, alone},
          {"independent-experts", {1, experts}, Calls().add(0, 3, 8), {}, Calls().add(0, 3, 8)},
          {"collective-curves", {1, wide}, alone, {}, alone},
          {"separate-prompts", {}, Calls().add(0, 100, 8).add(0, 100, 8), {}, alone},
          {"host-launches", {}, Calls().add(0, 600, 8), {1, stages}, Calls().add(0, 600, 8)},
          {"unsplit-decodes", {}, one_long_among(80), {}, one_long_among(40)},
          {"memory-profile", {1, small}, alone, {1, given}, alone}};
}

TEST(EngineTermsRuns, ATermActsWhereItIsMeantAndNowhereElse) {
  ASSERT_EQ(reaches().size(), engine_term_names().size());
  for (const Reach& reach : reaches()) {
    SCOPED_TRACE(reach.term);
    RunOptions all_but_it = with_terms("all");
    for (const EngineTermName& term : engine_term_names()) {
      all_but_it.engine_terms.*term.member = term.name != reach.term;
    }
    EXPECT_NE(story(reach.cluster, reach.calls, with_terms(reach.term)),
              story(reach.cluster, reach.calls, with_terms("none")));
    EXPECT_EQ(story(reach.other_cluster, reach.other_calls, with_terms(reach.term)),
              story(reach.other_cluster, reach.other_calls, with_terms("none")));
    EXPECT_EQ(story(reach.other_cluster, reach.other_calls, all_but_it),
              story(reach.other_cluster, reach.other_calls, with_terms("all")));
  }
}

TEST(EngineTermsRuns, TimeThatLaunchesAddDrawsPower) {
  ToyCluster toy;
  toy.power = R"({"base_node_power":0,"npu":{"RTXPRO6000":{"idle_power":0,"standby_power":0,)"
              R"("active_power":100,"standby_duration":1}},"cpu":{"idle_power":0,)"
              R"("active_power":0,"util":0},"dram":{"dimm_size":1,"idle_power":0,)"
              R"("energy_per_bit":0},"link":{"num_links":0,"idle_power":0,"energy_per_bit":0},)"
              R"("nic":{"num_nics":0,"idle_power":0},"storage":{"num_devices":0,)"
              R"("idle_power":0}})";
  Calls calls;
  calls.add(0, 600, 4);
  for (const char* terms : {"none", "host-launches"}) {
    SCOPED_TRACE(terms);
    const Outcome outcome = run_toy(toy, calls, with_terms(terms));
    const Request served = outcome.by_id()[0];
    const double busy = static_cast<double>((served.latency - served.queuing_delay).count()) * 1e-9;
    EXPECT_NEAR(outcome.result.total_energy / 100, busy, 0.01 * busy);
  }
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
  // 4 blocks of a tiny model: kernels of microseconds, 8 launches a block and more.
  Calls calls;
  calls.add(0, 600, 2);
  const auto first = [&](const char* terms) {
    return run_toy(ToyCluster{}, calls, with_terms(terms)).by_id()[0].ttft;
  };
  EXPECT_LT(first("none"), Nanos{2'000'000});
  EXPECT_GT(first("host-launches"), Nanos{static_cast<std::int64_t>(kLaunchMicros * 1e3) * 4 * 8});
}

}  // namespace
}  // namespace lockstep
