// Waves of a DP group, as an observer sees them: everybody takes part, all are equally long, and
// nobody leaves before the others have come.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "engine/system_fixture.hpp"
#include "iteration/trace_builder.hpp"

namespace lockstep {
namespace {

using testing::Calls;
using testing::expect_sound;
using testing::Outcome;
using testing::Replica;
using testing::run_toy;
using testing::SeenBatch;
using testing::ToyCluster;

constexpr std::size_t kMembers = 2;
constexpr std::int64_t kBytes = 2;  // of a bfloat16

ToyCluster pair_of_experts(int tp = 1, int pp = 1) {
  Replica replica;
  replica.model = "toy/moe";
  replica.tp = tp;
  replica.pp = pp;
  replica.ep = 2 * tp;
  replica.group = "A";
  return {kMembers, replica};
}

using Wave = std::vector<SeenBatch>;

/// The programs of a wave are made one after the other, in the order of its members.
std::vector<Wave> waves_of(const Outcome& outcome) {
  std::vector<Wave> waves;
  for (std::size_t i = 0; i + kMembers <= outcome.batches.size(); i += kMembers) {
    const auto begin = outcome.batches.begin() + static_cast<std::ptrdiff_t>(i);
    waves.emplace_back(begin, begin + kMembers);
  }
  return waves;
}

/// Unlike prompts, and member 1 has four times the work of member 0.
Calls uneven() {
  Calls calls;
  calls.add(0, 200, 4).add(0, 30, 16).add(10, 7, 2).add(20, 90, 16);
  return calls;
}

TEST(Wave, EveryMemberBringsOneBatchOfEqualLength) {
  const Outcome outcome = run_toy(pair_of_experts(), uneven());
  expect_sound(outcome, uneven());
  ASSERT_EQ(outcome.batches.size() % kMembers, 0U);
  std::int64_t padded = 0;
  for (const Wave& wave : waves_of(outcome)) {
    EXPECT_EQ(wave[0].instance, 0);
    EXPECT_EQ(wave[1].instance, 1);
    EXPECT_EQ(wave[0].total_len, wave[1].total_len);
    EXPECT_TRUE(wave[0].padding == 0 || wave[1].padding == 0) << "the longest is not padded";
    EXPECT_FALSE(wave[0].dummy && wave[1].dummy) << "idle members open no wave";
    padded += wave[0].padding + wave[1].padding;
  }
  EXPECT_GT(padded, 0);
}

TEST(Wave, AnIdleMemberBringsOneTokenPaddedToTheOthers) {
  Calls calls;
  calls.add(0, 100, 8);
  const Outcome outcome = run_toy(pair_of_experts(), calls);
  expect_sound(outcome, calls);
  const auto waves = waves_of(outcome);
  ASSERT_EQ(waves.size(), 8U);
  for (std::size_t w = 0; w < waves.size(); ++w) {
    const std::int64_t longest = w == 0 ? 100 : 1;
    EXPECT_FALSE(waves[w][0].dummy);
    EXPECT_TRUE(waves[w][1].dummy);
    EXPECT_EQ(waves[w][1].requests, 0);
    EXPECT_EQ(waves[w][1].total_len, longest);
    EXPECT_EQ(waves[w][1].padding, longest - 1);
  }
}

TEST(Wave, AMemberThatIsDoneGoesOnWithDummiesTillTheGroupIs) {
  const Outcome outcome = run_toy(pair_of_experts(), uneven());
  const auto waves = waves_of(outcome);
  bool drained = false;
  std::int64_t dummies = 0;
  for (const Wave& wave : waves) {
    drained = drained || wave[0].dummy;
    EXPECT_EQ(wave[0].dummy, drained) << "no request comes back";
    dummies += wave[0].dummy ? 1 : 0;
  }
  EXPECT_GT(dummies, 8);
  EXPECT_FALSE(waves.back()[1].dummy);
}

TEST(Wave, ExchangesOneSizeInTwoForms) {
  RunOptions options = testing::round_robin();
  const Outcome gathered = run_toy(pair_of_experts(), uneven(), options);
  options.expert_exchange = ExpertExchange::all_to_all;
  const Outcome exchanged = run_toy(pair_of_experts(), uneven(), options);
  expect_sound(exchanged, uneven());
  const std::int64_t hidden = testing::kToyHidden;
  const auto check = [&](const Outcome& outcome, bool all_to_all) {
    const auto waves = waves_of(outcome);
    ASSERT_EQ(outcome.steps.size(), waves.size()) << "one step a wave";
    for (std::size_t w = 0; w < waves.size(); ++w) {
      const StepEvent& step = outcome.steps[w];
      const std::int64_t len = waves[w][0].total_len;
      EXPECT_EQ(step.batch_sizes, (std::vector{waves[w][0].requests, waves[w][1].requests}));
      EXPECT_EQ(step.combine_size, Bytes{len * hidden * kBytes});
      if (all_to_all) {
        EXPECT_EQ(step.dispatch, CollectiveKind::all_to_all);
        EXPECT_EQ(step.combine, CollectiveKind::all_to_all);
        EXPECT_EQ(step.dispatch_size, step.combine_size);
      } else {
        EXPECT_EQ(step.dispatch, CollectiveKind::all_gather);
        EXPECT_EQ(step.combine, CollectiveKind::reduce_scatter);
        const std::int64_t rows = std::max<std::int64_t>(1, len / 2);
        EXPECT_EQ(step.dispatch_size, Bytes{rows * (hidden + testing::kToyExperts) * kBytes});
      }
    }
  };
  check(gathered, false);
  check(exchanged, true);
  EXPECT_NE(gathered.last_end(), exchanged.last_end());
}

TEST(Wave, TheExchangeHoldsTheMembersTogether) {
  Calls both;
  both.add(0, 1000, 1).add(0, 2, 20);
  const auto served = run_toy(pair_of_experts(), both).by_id();
  Calls light;
  light.add(0, 2, 1).add(0, 2, 20);
  const auto quick = run_toy(pair_of_experts(), light).by_id();
  // The 2-token prompt shares the wave of the 1000-token prompt, so its first token is as late.
  EXPECT_GT(served[1].ttft, quick[1].ttft);
  const std::int64_t apart = std::abs((served[1].ttft - served[0].ttft).count());
  EXPECT_LT(apart, (served[1].ttft - quick[1].ttft).count());
}

TEST(Wave, PipelinesKeepSeveralWavesInOrder) {
  Calls calls;
  for (int k = 0; k < 12; ++k) {
    calls.add(1000 * k, 64, 6);
  }
  RunOptions options = testing::round_robin();
  options.max_num_batched_tokens = 64;
  const Outcome outcome = run_toy(pair_of_experts(2, 2), calls, options);
  expect_sound(outcome, calls);
  std::vector<std::int64_t> next(kMembers, 0);
  for (const Wave& wave : waves_of(outcome)) {
    EXPECT_EQ(wave[0].total_len, wave[1].total_len);
    for (std::size_t m = 0; m < kMembers; ++m) {
      EXPECT_EQ(wave[m].id, next[m]++) << "the oldest batch of a member goes first";
    }
  }
}

TEST(Wave, AGroupOfOneNeedsNobody) {
  Replica replica;
  replica.model = "toy/moe";
  replica.group = "A";
  const ToyCluster single(1, replica);
  Calls calls;
  calls.add(0, 100, 5).add(0, 20, 9);
  const Outcome outcome = run_toy(single, calls);
  expect_sound(outcome, calls);
  for (const SeenBatch& batch : outcome.batches) {
    EXPECT_EQ(batch.padding, 0);
    EXPECT_FALSE(batch.dummy);
  }
}

/// Makes the rows of every dummy once more, from nothing but one token padded to the wave.
class DummyWatcher final : public RunObserver {
public:
  DummyWatcher(const Cluster& cluster, const RunOptions& options, KernelTimeLibrary& library)
      : cluster_(cluster), options_(options), library_(library) {}

  [[nodiscard]] bool wants_programs() const override { return true; }
  void on_program(const Batch& batch, const IterationTrace& trace, const Program&) override {
    if (!batch.dummy) {
      return;
    }
    const Instance& instance = cluster_.instances[static_cast<std::size_t>(batch.instance)];
    const FidelityPolicy policy = FidelityPolicy::for_mode(options_.fidelity);
    TraceBuilder builder(cluster_, instance, library_.times_for(instance),
                         {options_.expert_routing_policy,
                          options_.expert_exchange,
                          policy.single_block_without_copy,
                          policy,
                          {}});
    Batch dummy = make_dummy_batch(0, instance.id, Nanos{0});
    pad_batch(dummy, batch.total_len);
    dummy.wave_tokens = batch.wave_tokens;
    IterationTrace expected;
    builder.build(dummy, batch.total_len, expected, nullptr);
    EXPECT_EQ(to_text(trace), to_text(expected));
    ++dummies;
  }

  int dummies = 0;

private:
  const Cluster& cluster_;
  const RunOptions& options_;
  KernelTimeLibrary& library_;
};

TEST(Wave, AnIdleMemberCostsWhatItsDummyCosts) {
  for (const Fidelity fidelity : {Fidelity::reference, Fidelity::vllm}) {
    RunOptions options = testing::round_robin();
    options.fidelity = fidelity;
    options.engine_terms = EngineTerms::none();
    const Cluster cluster =
        parse_cluster(pair_of_experts().json(), "toy.json", options, testing::ToyModels::paths());
    KernelTimeLibrary library(PerfSources{});
    DummyWatcher watcher(cluster, options, library);
    const Calls calls = uneven();
    Simulation(cluster, options, &calls.workload(), library, watcher).run();
    EXPECT_GT(watcher.dummies, 8);
  }
}

}  // namespace
}  // namespace lockstep
