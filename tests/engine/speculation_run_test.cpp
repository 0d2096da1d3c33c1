// Whole runs with speculative decoding.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "engine/quiet_run.hpp"
#include "perf/kernel_times.hpp"

namespace lockstep::testing {
namespace {

constexpr std::int64_t kDrafts = 3;

RunOptions proposing(std::int64_t tokens, double acceptance, double micros = 0,
                     Fidelity fidelity = Fidelity::vllm) {
  RunOptions options = options_for(fidelity, true);
  options.features.speculation = {tokens, acceptance, micros, 1};
  return options;
}

/// Steps one after the other, as long as their kernels.
RunOptions bare(RunOptions options) {
  options.engine_terms = EngineTerms::none();
  return options;
}

std::int64_t gaps_of(std::int64_t output, std::int64_t drafts) {
  return (output - 1 + drafts) / (drafts + 1);
}

void expect_tokens(const Outcome& outcome, const Calls& calls) {
  const std::vector<Request> served = outcome.by_id();
  ASSERT_EQ(served.size(), calls.workload().requests.size());
  EXPECT_EQ(outcome.result.generated_tokens, calls.output_tokens());
  EXPECT_TRUE(outcome.result.leaks.empty());
  for (const Request& request : served) {
    EXPECT_EQ(request.num_tokens, request.output);
    Nanos sum = request.ttft;
    for (const Nanos gap : request.itl) {
      EXPECT_GT(gap, Nanos{0});
      sum += gap;
    }
    EXPECT_EQ(sum, request.latency);
  }
}

/// What draft model and seed are is nothing to a run without proposals.
RC_GTEST_PROP(SpeculationRun, NoProposalsAreNoSpeculation, ()) {
  const ToyCluster toy = testing::random_cluster();
  const Calls calls = testing::random_calls(*rc::gen::element(false, true));
  const auto fidelity = *rc::gen::element(Fidelity::reference, Fidelity::vllm);
  QuietRun want;
  try {
    want = quiet_run(toy, calls, options_for(fidelity, true));
  } catch (const UserError&) {
    RC_DISCARD("the model has no room");
  }
  RC_ASSERT(quiet_run(toy, calls, proposing(0, 0.7, 50, fidelity)).told == want.told);
}

/// Nothing accepted: a step of one request is one of as many decodes as it verifies tokens, but for
/// the attention, which reads one context instead of as many.
TEST(SpeculationRun, NothingAcceptedCostsTheLargerStep) {
  const ToyCluster toy(1, replica_of("toy/dense"));
  constexpr std::int64_t kPrompt = 100;
  Calls one, several;
  one.add(0, kPrompt, 30);
  for (std::int64_t i = 0; i <= kDrafts; ++i) {
    several.add(0, kPrompt, 30);
  }
  for (const Fidelity fidelity : {Fidelity::reference, Fidelity::vllm}) {
    const RunOptions options = bare(proposing(kDrafts, 0, 0, fidelity));
    const Request verified = run_toy(toy, one, options).by_id().front();
    const Request beside = run_toy(toy, several, bare(options_for(fidelity, true))).by_id().front();
    const Cluster cluster = parse_cluster(toy.json(), "toy.json", options, ToyModels::paths());
    KernelTimeLibrary library{PerfSources{}};
    const auto times = library.times_for(cluster.instances.front());
    const auto attention = [&](std::int64_t sequences, std::int64_t context) {
      return times->attention({0, 0, sequences, context, context, context}).time *
             cluster.instances.front().model->num_hidden_layers;
    };
    ASSERT_EQ(verified.itl.size(), 29U);
    for (std::size_t i = 0; i < verified.itl.size(); ++i) {
      const std::int64_t context = kPrompt + static_cast<std::int64_t>(i);
      EXPECT_EQ(verified.itl[i] - attention(1, context + kDrafts),
                beside.itl[i] - attention(kDrafts + 1, context));
    }
  }
}

/// A pass of the draft model for each proposed token, behind every step that brings a token.
TEST(SpeculationRun, TheDraftModelTakesItsTime) {
  for (const char* model : {"toy/dense", "toy/moe"}) {
    const ToyCluster toy(1, replica_of(model, 2));
    Calls calls;
    calls.add(0, 3000, 40).add(10'000'000'000, 64, 40);
    const auto served = [&](double micros) {
      return run_toy(toy, calls, bare(proposing(kDrafts, 0.6, micros))).by_id();
    };
    const std::vector<Request> cheap = served(0);
    const std::vector<Request> dear = served(12.5);
    const Nanos drafts{kDrafts * 12'500};
    for (std::size_t i = 0; i < cheap.size(); ++i) {
      EXPECT_EQ(dear[i].ttft - cheap[i].ttft, drafts) << "the first chunk brings no token";
      ASSERT_EQ(dear[i].itl.size(), cheap[i].itl.size());
      for (std::size_t k = 0; k < cheap[i].itl.size(); ++k) {
        EXPECT_EQ(dear[i].itl[k] - cheap[i].itl[k], drafts);
      }
    }
  }
}

TEST(SpeculationRun, AllAcceptedTakesTheFewestSteps) {
  const Calls calls = some_calls();
  for (const std::int64_t drafts : {1, 3, 7}) {
    const Outcome outcome =
        run_toy(ToyCluster(1, replica_of("toy/dense")), calls, proposing(drafts, 1));
    expect_tokens(outcome, calls);
    for (const Request& request : outcome.by_id()) {
      EXPECT_EQ(std::ssize(request.itl), gaps_of(request.output - request.input, drafts));
    }
  }
}

/// Who shares steps with whom changes nothing of what is accepted.
TEST(SpeculationRun, AcceptanceIsTheRequestsOwn) {
  Calls calls;
  for (int k = 0; k < 10; ++k) {
    calls.add(20'000 * k, 64 + k, 50);
  }
  const auto steps = [&](const ToyCluster& toy) {
    std::vector<std::size_t> counts;
    for (const Request& request : run_toy(toy, calls, proposing(4, 0.7)).by_id()) {
      counts.push_back(request.itl.size());
    }
    return counts;
  };
  const auto alone = steps(ToyCluster(1, replica_of("toy/dense")));
  EXPECT_EQ(alone, steps(ToyCluster(3, replica_of("toy/dense"))));
  EXPECT_NE(std::set<std::size_t>(alone.begin(), alone.end()).size(), 1U);
}

/// In groups, hand-overs and beside other features: tokens are conserved.
TEST(SpeculationRun, EveryPlanIsSound) {
  for (const Fidelity fidelity : {Fidelity::reference, Fidelity::vllm}) {
    for (const std::string plan : {"pd", "group"}) {
      ToyCluster toy(2, replica_of("toy/moe", 1, 1, plan == "group" ? 2 : 1));
      if (plan == "pd") {
        toy.replicas[0].pd = "prefill";
        toy.replicas[1].pd = "decode";
      } else {
        toy.replicas[0].group = toy.replicas[1].group = "A";
      }
      const Calls calls = some_calls();
      RunOptions options = proposing(2, 0.5, 10, fidelity);
      const Outcome outcome = run_toy(toy, calls, options);
      SCOPED_TRACE(plan);
      if (fidelity == Fidelity::vllm) {
        expect_tokens(outcome, calls);
      } else {
        EXPECT_EQ(outcome.by_id().size(), calls.workload().requests.size());
      }
      EXPECT_EQ(results(outcome), results(run_toy(toy, calls, options)));
    }
  }
}

TEST(SpeculationRun, NotWithPipelines) {
  const ToyCluster toy(1, replica_of("toy/dense", 1, 2));
  EXPECT_THROW(run_toy(toy, some_calls(), proposing(2, 0.5)), UserError);
  EXPECT_NO_THROW(run_toy(toy, some_calls(), proposing(0, 0.5)));
}

}  // namespace
}  // namespace lockstep::testing
