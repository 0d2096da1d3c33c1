// Runs in which steps are left out end as those in which every step is simulated.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/error.hpp"
#include "engine/quiet_run.hpp"

namespace lockstep {
namespace {

using testing::options_for;
using testing::quiet_run;
using testing::QuietRun;
using testing::random_calls;
using testing::random_cluster;

RC_GTEST_PROP(LeaveOut, NobodyCanTell, ()) {
  const testing::ToyCluster toy = random_cluster();
  const testing::Calls calls = random_calls(*rc::gen::element(false, true));
  const auto fidelity = *rc::gen::element(Fidelity::reference, Fidelity::vllm);
  RunOptions fast = options_for(fidelity, true);
  fast.enable_prefix_caching = *rc::gen::element(false, true);
  fast.block_size = *rc::gen::element(1, 4, 16);
  fast.expert_routing_policy = *rc::gen::element(
      ExpertRoutingPolicy::balanced, ExpertRoutingPolicy::round_robin, ExpertRoutingPolicy::random);
  if (*rc::gen::element(false, true)) {  // room for little more than the largest request
    fast.num_gpu_blocks_override = *rc::gen::inRange<std::int64_t>(290, 500) / fast.block_size + 2;
  }
  fast.features = testing::random_features();
  testing::compare_with_plain(toy, calls, fast);
}

TEST(LeaveOut, MostStepsNeedNoProgram) {
  testing::Calls calls;
  calls.add(0, 64, 400).add(1'000'000, 64, 400).add(2'000'000, 64, 400);
  for (const Fidelity fidelity : {Fidelity::reference, Fidelity::vllm}) {
    for (const int tp : {1, 2}) {
      const testing::ToyCluster toy(1, testing::replica_of("toy/dense", tp));
      RunOptions options = options_for(fidelity, true);
      options.log_interval = 10;
      const QuietRun run = quiet_run(toy, calls, options);
      EXPECT_GT(run.steps, 399);
      EXPECT_LT(run.programs, 60 * tp);
    }
  }
}

/// With a heartbeat in every step each of them is made, but not its kernels.
TEST(LeaveOut, AStepOfAKnownFormIsOneEventOfEveryNpu) {
  testing::Calls calls;
  calls.add(0, 8, 400);
  for (const int tp : {1, 2}) {
    const testing::ToyCluster toy(1, testing::replica_of("toy/dense", tp));
    RunOptions options = options_for(Fidelity::vllm, true);
    options.log_interval = 20e-6;
    const QuietRun run = quiet_run(toy, calls, options);
    options.fold_layers = false;
    const QuietRun plain = quiet_run(toy, calls, options);
    EXPECT_EQ(run.told, plain.told);
    EXPECT_GE(run.programs, 400);
    EXPECT_LT(run.events, 500 * tp) << "of " << plain.events;
  }
}

/// What a preempted request had is computed again, here a token a step: no tokens come of that.
TEST(LeaveOut, NotWhileLostTokensAreComputedAgain) {
  testing::Calls calls;
  calls.add(0, 1, 1).add(2'000, 5, 3).add(0, 3, 1).add(0, 5, 2);
  const testing::ToyCluster toy(1, testing::replica_of("toy/dense"));
  RunOptions options = options_for(Fidelity::reference, true);
  options.block_size = 1;
  options.num_gpu_blocks_override = 10;
  options.long_prefill_token_threshold = 1;
  options.features.step_policy = StepPolicy::prefill_first;
  const QuietRun run = quiet_run(toy, calls, options);
  options.fold_layers = false;
  const QuietRun plain = quiet_run(toy, calls, options);
  EXPECT_GT(plain.preempted, 0);
  EXPECT_EQ(run.told, plain.told);
}

/// Under the reference's rules a free NPU hears of an arrival at the next event of another one.
TEST(LeaveOut, NotWhereOthersListen) {
  testing::Calls calls;
  calls.add(0, 64, 100).add(1'000, 64, 100);
  const testing::ToyCluster two(2, testing::replica_of("toy/dense"));
  const QuietRun run = quiet_run(two, calls, options_for(Fidelity::reference, true));
  EXPECT_EQ(run.programs, run.steps);
  EXPECT_LT(quiet_run(two, calls, options_for(Fidelity::vllm, true)).programs, run.steps);
}

/// Where routes go on from step to step, two equal steps meet other experts.
TEST(LeaveOut, NotWhereExpertsTakeTurns) {
  testing::Calls calls;
  calls.add(0, 1, 60).add(0, 64, 40).add(7'000, 1, 30);
  const testing::ToyCluster toy(1, testing::replica_of("toy/moe", 2, 1, 2));
  for (const auto policy : {ExpertRoutingPolicy::round_robin, ExpertRoutingPolicy::random}) {
    RunOptions fast = options_for(Fidelity::vllm, true);
    fast.log_interval = 10;
    fast.expert_routing_policy = policy;
    RunOptions plain = fast;
    plain.fold_layers = false;
    const QuietRun got = quiet_run(toy, calls, fast);
    const QuietRun want = quiet_run(toy, calls, plain);
    EXPECT_EQ(got.told, want.told);
    if (policy == ExpertRoutingPolicy::round_robin) {
      EXPECT_EQ(got.programs, want.programs);
    }
  }
}

/// Whom the host's memory serves first of those who ask at one time is as if nothing were left out.
TEST(LeaveOut, NotWhereCompaniesShareTheHost) {
  WorkloadRequest request;
  request.input_toks = 513;
  request.output_toks = 1;
  for (std::int32_t token = 0; token < 513; ++token) {
    request.input_ids.push_back(token);
  }
  request.output_ids = {1};
  testing::Calls calls;
  calls.add(request).add(request);
  testing::Replica replica = testing::replica_of("toy/moe", 4, 1, 2);
  replica.more = R"("placement":{"default":{"kv_evict_loc":"cpu"}})";
  replica.mem_size = 8;
  testing::ToyCluster two(2, replica);
  two.cpu_bandwidth = 8;
  two.link_latency = "300";
  RunOptions options = options_for(Fidelity::vllm, true);
  options.log_interval = 10;
  options.block_size = 16;
  options.prefix_storage = PrefixStorage::cpu;
  options.long_prefill_token_threshold = 2;
  options.expert_exchange = ExpertExchange::all_to_all;
  options.expert_routing_policy = ExpertRoutingPolicy::random;
  options.request_routing_policy = RoutingPolicy::load;
  const QuietRun run = quiet_run(two, calls, options);
  options.fold_layers = false;
  EXPECT_EQ(run.told, quiet_run(two, calls, options).told);
}

TEST(LeaveOut, AFreeInstanceHearsAtOnce) {
  testing::Calls calls;
  calls.add(0, 64, 20).add(1'000'003, 64, 20);
  const testing::ToyCluster two(2, testing::replica_of("toy/deep_dense"));
  const auto wait = [&](Fidelity fidelity) {
    return testing::run_toy(two, calls, options_for(fidelity, true)).by_id().back().queuing_delay;
  };
  EXPECT_GT(wait(Fidelity::reference), Nanos{0});
  EXPECT_EQ(wait(Fidelity::vllm), Nanos{0});
}

TEST(LeaveOut, IdsDoNotQueue) {
  testing::Calls calls;
  calls.add(0, 64, 1).add(0, 64, 1);
  testing::ToyCluster two(2, testing::replica_of("toy/dense"));
  two.cpu_latency = 5'000;
  const auto later = [&](Fidelity fidelity) {
    const auto served = testing::run_toy(two, calls, options_for(fidelity, true)).by_id();
    return served[1].ttft - served[0].ttft;
  };
  EXPECT_GE(later(Fidelity::reference), Nanos{5'000});
  EXPECT_EQ(later(Fidelity::vllm), Nanos{0});
}

TEST(LeaveOut, WhoWantsBatchesGetsAll) {
  const testing::ToyCluster toy(1, testing::replica_of("toy/dense"));
  testing::Calls calls;
  calls.add(0, 64, 100);
  const testing::Outcome outcome = testing::run_toy(toy, calls, options_for(Fidelity::vllm, true));
  EXPECT_EQ(outcome.batches.size(), 100U);
}

}  // namespace
}  // namespace lockstep
