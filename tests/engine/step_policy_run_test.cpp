// Whole runs under the three step policies.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>

#include "engine/quiet_run.hpp"

namespace lockstep::testing {
namespace {

constexpr std::array kPolicies = {StepPolicy::mixed, StepPolicy::prefill_first,
                                  StepPolicy::decode_first};

RunOptions under(StepPolicy policy, Fidelity fidelity = Fidelity::vllm) {
  RunOptions options = options_for(fidelity, true);
  options.features.step_policy = policy;
  return options;
}

/// The results under each policy.
std::array<std::string, 3> told(const ToyCluster& toy, const Calls& calls, Fidelity fidelity) {
  std::array<std::string, 3> texts;
  for (std::size_t i = 0; i < kPolicies.size(); ++i) {
    texts[i] = quiet_run(toy, calls, under(kPolicies[i], fidelity)).told;
  }
  return texts;
}

RC_GTEST_PROP(StepPolicyRun, OneRequestAtATimeIsServedAlike, ()) {
  const ToyCluster toy(1, replica_of("toy/dense", *rc::gen::element(1, 2)));
  Calls calls;
  const int count = *rc::gen::inRange(1, 5);
  for (int i = 0; i < count; ++i) {
    calls.add(i * std::int64_t{100'000'000}, *rc::gen::inRange(1, 3000), *rc::gen::inRange(1, 40));
  }
  const auto texts = told(toy, calls, *rc::gen::element(Fidelity::reference, Fidelity::vllm));
  RC_ASSERT(texts[0] == texts[1]);
  RC_ASSERT(texts[0] == texts[2]);
}

/// Nobody ever decodes.
RC_GTEST_PROP(StepPolicyRun, OneTokenEachIsServedAlike, ()) {
  const ToyCluster toy(1, replica_of("toy/dense"));
  Calls calls;
  const int count = *rc::gen::inRange(1, 20);
  for (int i = 0; i < count; ++i) {
    calls.add(*rc::gen::inRange(0, 2'000'000), *rc::gen::inRange(1, 3000), 1);
  }
  const auto texts = told(toy, calls, *rc::gen::element(Fidelity::reference, Fidelity::vllm));
  RC_ASSERT(texts[0] == texts[1]);
  RC_ASSERT(texts[0] == texts[2]);
}

TEST(StepPolicyRun, FirstTokensAgainstGaps) {
  Calls calls;
  for (int k = 0; k < 12; ++k) {
    calls.add(300'000 * k, 1500, 30);
  }
  const ToyCluster toy(1, replica_of("toy/dense"));
  std::array<Nanos, 3> ttft{}, longest_gap{};
  for (std::size_t i = 0; i < kPolicies.size(); ++i) {
    const Outcome outcome = run_toy(toy, calls, under(kPolicies[i]));
    expect_sound(outcome, calls);
    for (const Request& request : outcome.by_id()) {
      ttft[i] += request.ttft;
      for (const Nanos gap : request.itl) {
        longest_gap[i] = std::max(longest_gap[i], gap);
      }
    }
  }
  EXPECT_LT(ttft[1], ttft[0]) << "prompts wait for nobody";
  EXPECT_GT(ttft[2], ttft[0]) << "prompts wait for all who decode";
  EXPECT_GT(longest_gap[1], longest_gap[0]);
  EXPECT_LT(longest_gap[2], longest_gap[0]);
}

/// Prefill and decode apart already; groups; pipelines: all are served.
TEST(StepPolicyRun, EveryPlanIsSound) {
  for (const StepPolicy policy : kPolicies) {
    for (const char* plan : {"pd", "group", "pipeline"}) {
      const bool pipeline = plan == std::string("pipeline");
      const int experts = plan == std::string("group") ? 2 : 1;
      ToyCluster toy(pipeline ? 1 : 2, replica_of("toy/moe", 1, pipeline ? 2 : 1, experts));
      if (plan == std::string("pd")) {
        toy.replicas[0].pd = "prefill";
        toy.replicas[1].pd = "decode";
      } else if (plan == std::string("group")) {
        toy.replicas[0].group = toy.replicas[1].group = "A";
      }
      const Calls calls = some_calls();
      for (const Fidelity fidelity : {Fidelity::reference, Fidelity::vllm}) {
        const Outcome outcome = run_toy(toy, calls, under(policy, fidelity));
        EXPECT_EQ(outcome.by_id().size(), calls.workload().requests.size()) << plan;
        EXPECT_TRUE(outcome.result.leaks.empty());
      }
    }
  }
}

}  // namespace
}  // namespace lockstep::testing
