// The phases of collectives and the names of algorithms.
#include "network/collective_plan.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <tuple>

#include "base/error.hpp"
#include "network/rank_schedule.hpp"

namespace lockstep {
namespace {

constexpr CollectiveCosts kPlanCosts{Nanos{10}, 768};
constexpr auto kMesh = TopologyKind::fully_connected;

Topology cube() {
  return Topology({{kMesh, 2, 112, 0}, {kMesh, 4, 112, 500}, {kMesh, 2, 25, 1000}});
}

CollectivePlan plan_of(CollectiveKind kind, std::int64_t size, DimMask mask = {},
                       const CollectiveSettings& settings = {}) {
  return make_plan(cube(), {kind, Bytes{size}, mask}, settings, kPlanCosts);
}

CollectiveSettings with(const char* algorithm) {
  return CollectiveSettings::all(algorithm_from_name(algorithm));
}

TEST(CollectivePlan, AllReduceScattersInwardsAndGathersOutwards) {
  const CollectivePlan plan = plan_of(CollectiveKind::all_reduce, 1 << 20);
  ASSERT_EQ(plan.phases.size(), 5U);
  const CollectiveKind kinds[] = {CollectiveKind::reduce_scatter, CollectiveKind::reduce_scatter,
                                  CollectiveKind::all_reduce, CollectiveKind::all_gather,
                                  CollectiveKind::all_gather};
  const std::size_t dims[] = {0, 1, 2, 1, 0};
  const std::int64_t messages[] = {1 << 19, 1 << 17, 1 << 16, 1 << 17, 1 << 19};
  const std::int64_t steps[] = {1, 3, 2, 3, 1};
  const std::int64_t reductions[] = {1, 3, 1, 0, 0};
  for (std::size_t i = 0; i < 5; ++i) {
    const CollectivePhase& phase = plan.phases[i];
    EXPECT_EQ(phase.kind, kinds[i]) << i;
    EXPECT_EQ(phase.group.dimension, dims[i]) << i;
    EXPECT_EQ(phase.message, Bytes{messages[i]}) << i;
    EXPECT_EQ(phase.steps, steps[i]) << i;
    EXPECT_EQ(phase.reductions, reductions[i]) << i;
    EXPECT_EQ(phase.anticlockwise, i >= 3) << i;
  }
  EXPECT_EQ(plan.phases.back().output, Bytes{1 << 20});
}

TEST(CollectivePlan, GatherGrowsFromTheOutside) {
  const CollectivePlan plan = plan_of(CollectiveKind::all_gather, 100);
  ASSERT_EQ(plan.phases.size(), 3U);
  EXPECT_EQ(plan.phases[0].group.dimension, 2U);
  EXPECT_EQ(plan.phases[0].message, Bytes{100});
  EXPECT_EQ(plan.phases[1].message, Bytes{200});
  EXPECT_EQ(plan.phases[2].message, Bytes{800});
  EXPECT_EQ(plan.phases[2].output, Bytes{1600});
}

TEST(CollectivePlan, AllToAllTakesHalfDuplexSteps) {
  const CollectivePlan plan = plan_of(CollectiveKind::all_to_all, 4096, {3, 0b010});
  ASSERT_EQ(plan.phases.size(), 1U);
  EXPECT_EQ(plan.phases[0].steps, 6);
  EXPECT_EQ(plan.phases[0].message, Bytes{1024});
}

TEST(CollectivePlan, SmallSizesGrowToOneByteAnNpu) {
  EXPECT_EQ(plan_of(CollectiveKind::all_reduce, 0, {3, 0b001}).phases[0].input, Bytes{16});
  EXPECT_EQ(plan_of(CollectiveKind::all_gather, 1, {3, 0b001}).phases[0].input, Bytes{1});
}

TEST(CollectivePlan, NothingToDoHasNoPhases) {
  EXPECT_TRUE(plan_of(CollectiveKind::all_reduce, 4096, {3, 0}).phases.empty());
  EXPECT_TRUE(plan_of(CollectiveKind::all_gather, 0).phases.empty());
  const Topology one({{kMesh, 1, 16, 0}});
  EXPECT_TRUE(
      make_plan(one, {CollectiveKind::all_reduce, Bytes{9}, {}}, {}, kPlanCosts).phases.empty());
  EXPECT_TRUE(
      make_plan(one, {CollectiveKind::all_reduce, Bytes{9}, {}}, with("oneRing"), kPlanCosts)
          .phases.empty());
}

TEST(CollectivePlan, RefusesWhatCannotBe) {
  EXPECT_THROW(plan_of(CollectiveKind::all_reduce, 4096, {2, 0b11}), UserError);
  EXPECT_THROW(plan_of(CollectiveKind::all_reduce, -1), UserError);
  EXPECT_THROW(plan_of(CollectiveKind::all_to_all, 4096, {}, with("halvingDoubling")), UserError);
  const Topology four({{kMesh, 4, 16, 0}});
  EXPECT_THROW(static_cast<void>(make_plan(four, {CollectiveKind::all_reduce, Bytes{7}, {}},
                                           with("halvingDoubling"), kPlanCosts)),
               UserError);
  const Topology three({{kMesh, 3, 16, 0}});
  EXPECT_THROW(static_cast<void>(make_plan(three, {CollectiveKind::all_reduce, Bytes{4096}, {}},
                                           with("doubleBinaryTree"), kPlanCosts)),
               UserError);
}

TEST(CollectivePlan, AFlatGroupIgnoresDimensions) {
  const CollectivePlan plan =
      plan_of(CollectiveKind::all_reduce, 4096, {3, 0b001}, with("oneDirect"));
  ASSERT_EQ(plan.phases.size(), 1U);
  EXPECT_EQ(plan.phases[0].group.members, 16);
  EXPECT_EQ(plan.phases[0].group.member(cube(), 15, 2), 1);
}

TEST(CollectiveAlgorithm, NamesGoBothWays) {
  for (const char* name :
       {"ring", "direct", "direct1", "direct12", "halvingDoubling", "doubleBinaryTree", "oneRing",
        "oneDirect", "oneDirect3", "oneHalvingDoubling"}) {
    EXPECT_EQ(algorithm_name(algorithm_from_name(name)), name);
  }
  for (const char* name : {"", "Ring", "direct0", "direct-1", "direct1x", "oneTree"}) {
    EXPECT_THROW(static_cast<void>(algorithm_from_name(name)), UserError) << name;
  }
}

TEST(CollectiveCosts, AReductionIsThreeTruncatedAccesses) {
  EXPECT_EQ(kPlanCosts.reduction(Bytes{1048576}), Nanos{4095});
  EXPECT_EQ(kPlanCosts.reduction(Bytes{767}), Nanos{0});
  EXPECT_EQ(CollectiveCosts{}.reduction(Bytes{1048576}), Nanos{0});
}

// Over a whole phase every message that is sent is received, with the same size.
RC_GTEST_PROP(RankScheduleProperty, SendsAndReceivesAgree, ()) {
  const std::string name = *rc::gen::element<std::string>(
      "ring", "oneRing", "direct", "direct1", "direct3", "oneDirect2", "halvingDoubling",
      "oneHalvingDoubling", "doubleBinaryTree");
  const CollectiveKind kind = *rc::gen::element(
      CollectiveKind::all_reduce, CollectiveKind::all_gather, CollectiveKind::reduce_scatter);
  const bool mirrored = *rc::gen::arbitrary<bool>();
  const CollectivePlan plan =
      plan_of(kind, *rc::gen::inRange<std::int64_t>(64, 100000), {}, with(name.c_str()));
  const Topology topology = cube();
  for (const CollectivePhase& phase : plan.phases) {
    std::map<std::tuple<std::int64_t, std::int64_t, std::int64_t>, int> open;
    for (std::int64_t npu = 0; npu < topology.num_npus(); ++npu) {
      const RankSchedule schedule(topology, phase, npu, {mirrored, phase.anticlockwise});
      RC_ASSERT(schedule.receives_after(schedule.total()) == schedule.total());
      for (std::int64_t i = 0; i < schedule.total(); ++i) {  // nobody waits for more than comes
        RC_ASSERT(schedule.receives_after(i) > i);
        RC_ASSERT(schedule.receives_after(i) <= schedule.total());
      }
      for (std::int64_t i = 0; i < schedule.sends_after(schedule.total()); ++i) {
        const RankSchedule::Message message = schedule.send(topology, i);
        ++open[{npu, message.peer, message.size.count()}];
      }
      for (std::int64_t i = 0; i < schedule.total(); ++i) {
        const RankSchedule::Message message = schedule.receive(topology, i);
        --open[{message.peer, npu, message.size.count()}];
      }
    }
    for (const auto& [message, count] : open) {
      RC_ASSERT(count == 0);
    }
  }
}

/// A fifth dimension takes part only in collectives that name it.
TEST(CollectivePlan, WithoutAMaskFourDimensionsTakePart) {
  const Topology::Dimension pair{kMesh, 2, 112, 0};
  const Topology topology({pair, pair, pair, pair, pair});
  const CollectivePlan plan =
      make_plan(topology, {CollectiveKind::all_gather, Bytes{1024}, {}}, {}, kPlanCosts);
  EXPECT_EQ(plan.phases.size(), 4U);
}

}  // namespace
}  // namespace lockstep
