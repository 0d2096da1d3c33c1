// Speculative decoding in one instance: what a step holds, brings and keeps.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "draws.hpp"
#include "one_npu.hpp"
#include "serving/acceptance.hpp"

namespace lockstep::testing {
namespace {

constexpr std::int64_t kBlocksOfAll = 100;

OneNpu proposing(std::int64_t tokens, double acceptance, std::int64_t blocks = kBlocksOfAll,
                 std::int64_t budget = 64) {
  OneNpu npu(blocks, budget, false, FidelityPolicy::for_mode(Fidelity::vllm));
  npu.instance.features.speculation = {tokens, acceptance, 0, 0};
  return npu;
}

/// Runs what was added to the end, a step a nanosecond. Gives the steps.
std::vector<std::string> run_out(OneNpu& npu) {
  std::vector<std::string> steps;
  for (std::int64_t now = 0; !npu.scheduler().empty() && now < 1'000; ++now) {
    Batch* batch = npu.schedule(now);
    steps.push_back(text(batch));
    npu.finish(batch->id, now + 1);
  }
  return steps;
}

TEST(Acceptance, NoneAndAll) {
  EXPECT_EQ(accepted_drafts({4, 0.0, 0, 7}, 3, 100, 4), 0);
  EXPECT_EQ(accepted_drafts({4, 1.0, 0, 7}, 3, 100, 4), 4);
  EXPECT_EQ(accepted_drafts({4, 0.9, 0, 7}, 3, 100, 0), 0);
}

/// The mean over many is the sum of P^k, k = 1..K: each one counts if all before it were accepted.
TEST(Acceptance, FollowsTheRate) {
  constexpr std::int64_t kDraws = 40'000;
  for (const double rate : {0.3, 0.7, 0.95}) {
    const Speculation speculation{5, rate, 0, 42};
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < kDraws; ++i) {
      sum += accepted_drafts(speculation, i % 100, 6 * (i / 100), 5);
    }
    double expected = 0;
    for (int k = 1; k <= 5; ++k) {
      expected += std::pow(rate, k);
    }
    EXPECT_NEAR(static_cast<double>(sum) / kDraws, expected, 0.03) << rate;
  }
}

TEST(Acceptance, SeedAndRequestGiveOtherDraws) {
  std::int64_t by_seed = 0, by_request = 0;
  for (std::int64_t position = 0; position < 200; ++position) {
    const std::int64_t one = accepted_drafts({8, 0.6, 0, 1}, 5, position, 8);
    by_seed += one != accepted_drafts({8, 0.6, 0, 2}, 5, position, 8) ? 1 : 0;
    by_request += one != accepted_drafts({8, 0.6, 0, 1}, 6, position, 8) ? 1 : 0;
  }
  EXPECT_GT(by_seed, 100);
  EXPECT_GT(by_request, 100);
}

/// Behind the first token a step has the newest token and three proposed ones.
TEST(Speculation, AllAcceptedTakesAsFewStepsAsThereAreFours) {
  OneNpu npu = proposing(3, 1.0);
  Request& request = npu.requests.add(5, 10);
  npu.scheduler().add_request(request);
  EXPECT_EQ(run_out(npu), (std::vector<std::string>{"r0 5@0", "r0 4@5", "r0 4@9", "r0 4@13"}));
  EXPECT_EQ(request.num_tokens, 15) << "the last step brings one only";
  EXPECT_EQ(counts(request.itl), (std::vector<std::int64_t>{1, 1, 1}));
  EXPECT_EQ(request.latency, Nanos{4});
}

TEST(Speculation, NoneAcceptedTakesAStepAToken) {
  OneNpu npu = proposing(3, 0.0);
  npu.scheduler().add_request(npu.requests.add(5, 4));
  EXPECT_EQ(run_out(npu), (std::vector<std::string>{"r0 5@0", "r0 4@5", "r0 4@6", "r0 4@7"}));
  EXPECT_EQ(npu.scheduler().num_drafts(), 9);
  EXPECT_EQ(npu.scheduler().num_accepted(), 0);
}

/// Slots: five tokens of the step and four that the draft model will propose next.
TEST(Speculation, ReservesSlotsForTheNextProposals) {
  OneNpu npu = proposing(4, 0.0);
  Request& request = npu.requests.add(7, 3);
  npu.scheduler().add_request(request);
  npu.schedule(0);
  EXPECT_EQ(npu.table(request).size(), 2U) << "an admitted prompt has none";
  npu.finish(0, 1);
  npu.schedule(1);
  EXPECT_EQ(npu.table(request).size(), 4U) << "7 + 5 + 4 tokens in blocks of 4";
}

TEST(Speculation, TheBudgetOfAStepCutsProposals) {
  OneNpu npu = proposing(3, 1.0, kBlocksOfAll, 6);
  npu.scheduler().add_request(npu.requests.add(3, 9));
  npu.scheduler().add_request(npu.requests.add(3, 9));
  EXPECT_EQ(text(npu.schedule(0)), "r0 3@0, r1 3@0");
  npu.finish(0, 1);
  const Batch* batch = npu.schedule(1);
  EXPECT_EQ(text(batch), "r0 4@3, r1 2@3");
  EXPECT_EQ(batch->num_drafts, 4);
  EXPECT_EQ(batch->num_decode, 2);
  EXPECT_EQ(batch->num_prefill, 0);
  npu.finish(1, 2);
  EXPECT_EQ(npu.requests.all()[0].num_tokens, 8);
  EXPECT_EQ(npu.requests.all()[1].num_tokens, 6);
}

/// A decode instance has no proposals for a prompt that it was handed.
TEST(Speculation, AHandedOverRequestBeginsWithOneToken) {
  OneNpu npu = proposing(3, 1.0);
  npu.instance.pd = PdType::decode;
  Request& request = npu.requests.add(5, 9);
  request.num_tokens = 6;
  request.num_computed = 5;
  request.num_drafts = 3;
  request.is_init = false;
  npu.scheduler().add_decode(request);
  const std::vector<std::string> steps = run_out(npu);
  EXPECT_EQ(steps, (std::vector<std::string>{"r0 1@5", "r0 4@6", "r0 4@10"}));
}

/// As obvious as it gets: every request alone, from the draws.
std::int64_t steps_alone(const Speculation& speculation, const Request& request) {
  std::int64_t steps = 0;
  std::int64_t tokens = request.input + 1;
  while (tokens < request.output) {
    tokens += 1 + accepted_drafts(speculation, request.id, tokens, speculation.tokens);
    ++steps;
  }
  return steps;
}

RC_GTEST_PROP(Speculation, TokensAreConserved, ()) {
  const std::int64_t drafts = draw(1, 6);
  const double rate = static_cast<double>(draw(0, 10)) / 10;
  const bool plenty = coin();
  OneNpu npu = proposing(drafts, rate, plenty ? 1'000 : draw(14, 24), plenty ? 4'096 : draw(4, 40));
  npu.instance.max_num_seqs = draw(1, 6);
  npu.instance.features.step_policy =
      *rc::gen::element(StepPolicy::mixed, StepPolicy::prefill_first, StepPolicy::decode_first);
  npu.instance.features.queue_policy = *rc::gen::element(QueuePolicy::fcfs, QueuePolicy::priority);
  const std::int64_t count = draw(1, 8);
  std::int64_t asked = 0, brought = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    Request& request = npu.requests.add(draw(1, 20), draw(1, 20));
    request.priority = draw(0, 2);
    asked += request.output - request.input;
    npu.scheduler().add_request(request);
  }
  for (std::int64_t now = 0; !npu.scheduler().empty(); ++now) {
    RC_ASSERT(now < 5'000);
    Batch* batch = npu.schedule(now);
    if (batch != nullptr) {
      brought += npu.finish(batch->id, now + 1).generated_tokens;
    }
    for (const Request& request : npu.requests.all()) {
      RC_ASSERT(request.num_tokens <= request.output);
      RC_ASSERT(request.num_computed <= request.num_tokens);
    }
  }
  RC_ASSERT(brought == asked);
  RC_ASSERT(npu.scheduler().kv().npu_pool().all_free());
  for (const Request& request : npu.requests.all()) {
    RC_ASSERT(request.num_tokens == request.output);
    const std::int64_t steps = steps_alone(npu.instance.features.speculation, request);
    if (plenty) {
      RC_ASSERT(std::ssize(request.itl) == steps);
    } else {
      RC_ASSERT(std::ssize(request.itl) >= steps);
      RC_ASSERT(std::ssize(request.itl) < request.output - request.input);
    }
  }
}

RC_GTEST_PROP(Speculation, AllAcceptedTakesTheFewestSteps, ()) {
  const std::int64_t drafts = draw(0, 7);
  OneNpu npu = proposing(drafts, 1.0, 1'000, 4'096);
  Request& request = npu.requests.add(draw(1, 30), draw(1, 60));
  npu.scheduler().add_request(request);
  run_out(npu);
  const std::int64_t later = request.output - request.input - 1;
  RC_ASSERT(std::ssize(request.itl) == (later + drafts) / (drafts + 1));
}

}  // namespace
}  // namespace lockstep::testing
