// Runs of a group in which waves are left out end as those in which every wave is simulated.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "base/error.hpp"
#include "engine/learnt_waves.hpp"
#include "engine/quiet_run.hpp"

namespace lockstep {
namespace {

using testing::options_for;
using testing::quiet_run;
using testing::QuietRun;

testing::ToyCluster group_of(std::size_t members, const std::string& model = "toy/moe") {
  testing::Replica replica = testing::replica_of(model);
  replica.ep = model == "toy/moe" ? static_cast<int>(members) : 1;
  replica.group = "A";
  return {members, replica};
}

RC_GTEST_PROP(LeaveOutWaves, NobodyCanTell, ()) {
  testing::ToyCluster toy = group_of(*rc::gen::element<std::size_t>(1, 2, 2, 2, 4),
                                     *rc::gen::element<std::string>("toy/moe", "toy/dense"));
  toy.cpu_latency = *rc::gen::element(0, 0, 3'000);
  toy.link_latency = *rc::gen::element<std::string>("0", "2000", "90000");
  const testing::Calls calls = testing::random_calls(*rc::gen::element(false, true));
  RunOptions fast = options_for(*rc::gen::element(Fidelity::reference, Fidelity::vllm), true);
  fast.log_interval = *rc::gen::element(0.002, 0.03, 10.0);
  fast.enable_prefix_caching = *rc::gen::element(false, true);
  fast.block_size = *rc::gen::element(1, 4, 16);
  if (fast.fidelity == Fidelity::vllm) {
    fast.engine_terms = EngineTerms::all();
    fast.engine_terms.async_scheduling = *rc::gen::element(false, true);
    fast.engine_terms.collective_curves = *rc::gen::element(false, true);
  }
  if (*rc::gen::element(false, true)) {  // room for little more than the largest request
    fast.num_gpu_blocks_override = *rc::gen::inRange<std::int64_t>(290, 500) / fast.block_size + 2;
  }
  testing::compare_with_plain(toy, calls, fast);
}

TEST(LeaveOutWaves, MostWavesNeedNoPrograms) {
  for (const Fidelity fidelity : {Fidelity::reference, Fidelity::vllm}) {
    for (const std::size_t members : {2U, 4U}) {
      testing::Calls calls;
      calls.add(0, 64, 400).add(0, 90, 300);
      RunOptions options = options_for(fidelity, true);
      options.log_interval = 10;
      const QuietRun run = quiet_run(group_of(members), calls, options);
      EXPECT_GT(run.steps, 400 * static_cast<std::int64_t>(members) - 1);
      EXPECT_LT(run.programs, run.steps / 3)
          << members << " members, " << static_cast<int>(fidelity);
    }
  }
}

/// Ids that wait for each other in host memory come in no fixed order.
TEST(LeaveOutWaves, NotWhereTheHostServesOneAfterTheOther) {
  testing::Calls calls;
  calls.add(0, 64, 100);
  testing::ToyCluster slow = group_of(2);
  slow.cpu_latency = 5;
  const QuietRun run = quiet_run(slow, calls, options_for(Fidelity::reference, true));
  EXPECT_EQ(run.programs, run.steps);
}

/// Two members; `lead` is the time of the way through member 0 alone, beside attention.
WaveTimes wave_of(std::int64_t first, std::int64_t second, std::int64_t lead) {
  const std::int64_t end =
      std::max({lead + 10 * first, 1000 + 10 * second, 990 + 5 * (first + second)});
  return {
      {Nanos{first}, Nanos{second}}, {Nanos{0}, Nanos{0}}, {Nanos{end}, Nanos{end}}, Nanos{end}};
}

WaveForm form() {
  WaveForm form;
  form.attention_rows = 10;
  return form;
}

std::optional<Nanos> expected(const WaveForm& form, const WaveTimes& wave) {
  const auto found = form.find(wave.attention, wave.begins);
  return found ? std::optional(found->wave->next + found->later) : std::nullopt;
}

TEST(LearntWaves, OneWaveTellsOfItselfOnly) {
  WaveForm waves = form();
  waves.learn(wave_of(50, 20, 1000));
  EXPECT_EQ(expected(waves, wave_of(50, 20, 1000)), wave_of(50, 20, 1000).next);
  EXPECT_EQ(expected(waves, wave_of(51, 20, 1000)), std::nullopt);
}

TEST(LearntWaves, TwoTellWhoLeads) {
  WaveForm waves = form();
  waves.learn(wave_of(50, 20, 1000));
  waves.learn(wave_of(52, 21, 1000));
  EXPECT_EQ(expected(waves, wave_of(70, 40, 1000)), wave_of(70, 40, 1000).next);
  EXPECT_EQ(expected(waves, wave_of(50, 20, 1000)), wave_of(50, 20, 1000).next);
  EXPECT_EQ(expected(waves, wave_of(50, 21, 1000)), std::nullopt);
}

TEST(LearntWaves, WhoIsNotAloneOnTheWayDoesNotLead) {
  WaveForm waves = form();
  waves.learn(wave_of(50, 50, 0));  // the longest way takes half of each
  waves.learn(wave_of(52, 50, 0));
  EXPECT_EQ(expected(waves, wave_of(60, 50, 0)), std::nullopt);
}

TEST(LearntWaves, OtherBeginningsAreOtherWaves) {
  WaveForm waves = form();
  WaveTimes late = wave_of(50, 20, 1000);
  late.begins[1] = Nanos{7};
  waves.learn(late);
  EXPECT_EQ(expected(waves, wave_of(50, 20, 1000)), std::nullopt);
  waves.learn(wave_of(52, 20, 1000));
  EXPECT_EQ(expected(waves, wave_of(54, 20, 1000)), std::nullopt);
}

TEST(LearntWaves, AContradictionIsAnError) {
  WaveForm waves = form();
  waves.learn(wave_of(50, 20, 1000));
  WaveTimes other = wave_of(50, 20, 1000);
  other.ends[0] += Nanos{1};
  EXPECT_THROW(waves.learn(other), InternalError);
}

RC_GTEST_PROP(LearntWaves, WhatIsExpectedComes, ()) {
  const auto random = [] { return *rc::gen::inRange<std::int64_t>(10, 60); };
  const std::int64_t lead = *rc::gen::inRange<std::int64_t>(700, 1300);
  WaveForm waves = form();
  for (int i = 0; i < 40; ++i) {
    const WaveTimes wave = wave_of(random(), random(), lead);
    const auto told = expected(waves, wave);
    RC_ASSERT(told.value_or(wave.next) == wave.next);
    waves.learn(wave);
  }
}

}  // namespace
}  // namespace lockstep
