#include "engine/program_reuse.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "engine/laws_fixture.hpp"
#include "iteration/trace_fixtures.hpp"

namespace lockstep {
namespace {

using testing::TraceWorld;

using Shares = std::vector<std::pair<std::int64_t, std::int64_t>>;

Program program_of(TraceWorld& world, const Shares& shares, const GraphContext& context) {
  const Batch batch = world.batch(shares);
  const IterationTrace trace = world.build(batch);
  GraphBuilder graphs;
  Program program;
  graphs.build(trace, context, program.graphs);
  const auto key = step_key(batch, shape_of(batch, false), batch.total_len);
  make_reusable(program, key.value_or(StepKey{}), trace, graphs);
  return program;
}

std::vector<std::int64_t> durations(const Program& program) {
  std::vector<std::int64_t> all;
  for (const auto& graph : program.graphs) {
    for (const GraphNode& node : graph->nodes) {
      all.push_back(node.duration.count());
    }
  }
  return all;
}

TEST(ProgramReuse, ARetimedProgramIsTheOneThatWouldHaveBeenBuilt) {
  for (const Folding folding : {Folding::loops, Folding::layers, Folding::everything}) {
    for (const bool experts : {false, true}) {
      for (const std::int64_t tp : {1, 2}) {
        TraceWorld world(experts ? testing::small_moe_model() : testing::small_model());
        world.instance.tp = world.instance.num_npus = tp;
        GraphContext context;
        context.num_npus = tp;
        context.folding = folding;
        Program program = program_of(world, {{1, 99}, {1, 51}}, context);
        ASSERT_TRUE(program.reusable);
        const Program later = program_of(world, {{1, 499}, {1, 51}}, context);
        EXPECT_EQ(program.key, later.key);
        EXPECT_NE(durations(program), durations(later));
        retime(program, later.attention);
        EXPECT_EQ(durations(program), durations(later));
        retime(program, later.attention);
        EXPECT_EQ(durations(program), durations(later)) << "nothing to do";
      }
    }
  }
}

TEST(ProgramReuse, PromptsAndTransfersHaveNoKey) {
  TraceWorld world(testing::small_model());
  const auto has_key = [&](const Batch& batch) {
    return step_key(batch, shape_of(batch, false), batch.total_len).has_value();
  };
  EXPECT_FALSE(has_key(world.batch({{7, 0}, {1, 9}})));
  Batch batch = world.batch({{1, 9}});
  EXPECT_TRUE(has_key(batch));
  batch.load = Bytes{1};
  EXPECT_FALSE(has_key(batch));
}

TEST(ProgramReuse, WhatAnybodyStillRunsIsNotTaken) {
  TraceWorld world(testing::small_model());
  std::list<Program> spare;
  spare.push_back(program_of(world, {{1, 99}}, GraphContext{}));
  const StepKey key = spare.front().key;
  EXPECT_EQ(find_reusable(spare, key), spare.begin());
  const std::shared_ptr<const NpuGraph> running = spare.front().graphs.front();
  EXPECT_EQ(find_reusable(spare, key), spare.end());
}

TEST(ProgramReuse, OnlyWhereRowsDependOnBatchesAlone) {
  TraceWorld world(testing::small_moe_model());
  world.settings.fidelity = FidelityPolicy::for_mode(Fidelity::vllm);
  EXPECT_TRUE(steps_repeat(world.instance, world.settings));
  world.settings.expert_routing = ExpertRoutingPolicy::round_robin;
  EXPECT_FALSE(steps_repeat(world.instance, world.settings)) << "experts take turns";
  world.settings.expert_routing = ExpertRoutingPolicy::random;
  EXPECT_TRUE(steps_repeat(world.instance, world.settings)) << "drawn anew from one seed";
  world.instance.pp = 2;
  EXPECT_FALSE(steps_repeat(world.instance, world.settings));
}

/// All members of a group, and what they are served.
RC_GTEST_PROP(ProgramReuse, GroupsEndAsWithoutIt, ()) {
  const int tp = *rc::gen::element(1, 2);
  const int members = *rc::gen::element(2, 1);
  const bool experts = members > 1 || *rc::gen::element(false, true);
  testing::ToyCluster toy;
  toy.replicas.clear();
  for (int i = 0; i < members; ++i) {
    auto replica =
        testing::replica_of(experts ? "toy/moe" : "toy/dense", tp, 1, experts ? members * tp : 1);
    replica.group = members > 1 ? "a" : "";
    toy.replicas.push_back(replica);
  }
  testing::Calls calls;
  const int count = *rc::gen::inRange(1, 6);
  for (int i = 0; i < count; ++i) {
    calls.add(*rc::gen::element<std::int64_t>(0, 10'000, 3'000'000), *rc::gen::inRange(1, 90),
              *rc::gen::inRange(1, 70));
  }
  RunOptions fast = testing::round_robin();
  fast.fidelity = *rc::gen::element(Fidelity::reference, Fidelity::vllm);
  fast.expert_routing_policy = *rc::gen::element(
      ExpertRoutingPolicy::balanced, ExpertRoutingPolicy::round_robin, ExpertRoutingPolicy::random);
  RunOptions plain = fast;
  plain.fold_layers = false;
  const testing::Outcome got = testing::run_toy(toy, calls, fast);
  const testing::Outcome want = testing::run_toy(toy, calls, plain);
  RC_ASSERT(testing::results(got) == testing::results(want));
  RC_ASSERT(got.result.lookups.by_source == want.result.lookups.by_source);
}

}  // namespace
}  // namespace lockstep
