// Collectives whose members do not start together, against the recursion of a ring.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "engine/device_fixture.hpp"
#include "network/closed_form.hpp"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using testing::full;
using ::testing::HasSubstr;
using testing::kAllReduce;
using testing::NpuProgram;
using testing::run;
using testing::spec_of;

constexpr auto kAllGather = CollectiveKind::all_gather;
constexpr CollectiveCosts kCosts{Nanos{10}, 768};
using Times = std::vector<std::int64_t>;

// One NPU waits `start` ns, then enters the collective.
std::shared_ptr<const NpuGraph> entry_at(std::int32_t npu, std::int64_t start,
                                         const CollectiveRequest& request) {
  NpuProgram program(npu);
  std::vector<std::int32_t> parents;
  if (start > 0) {
    parents.push_back(program.compute(start));
  }
  program.collective(request.kind, request.size.count(), request.mask, parents);
  return program.done();
}

Times finish_times(const DeviceSimulatorSpec& spec, const CollectiveRequest& request,
                   const Times& starts) {
  DeviceSimulator sim(spec);
  for (std::size_t npu = 0; npu < starts.size(); ++npu) {
    sim.start(entry_at(static_cast<std::int32_t>(npu), starts[npu], request));
  }
  return run(sim);
}

Times staggered(CollectiveKind kind) {
  return finish_times(spec_of({full(4, 112, 0)}), {kind, Bytes{1048576}, {}}, {0, 0, 0, 5000});
}

TEST(Collective, OneLateMember) {
  EXPECT_THAT(staggered(kAllReduce), ElementsAre(19034, 21213, 16213, 16855));
  EXPECT_THAT(staggered(kAllGather), ElementsAre(26197, 26197, 31197, 26197));
  EXPECT_THAT(staggered(CollectiveKind::reduce_scatter), ElementsAre(10288, 12467, 14646, 9646));
  EXPECT_THAT(staggered(CollectiveKind::all_to_all), ElementsAre(15965, 18144, 13144, 13786));
}

TEST(Collective, TreeFinishesFromTheRootOutwards) {
  DeviceSimulatorSpec spec = spec_of({full(4)});
  spec.collectives = CollectiveSettings::all(algorithm_from_name("doubleBinaryTree"));
  EXPECT_THAT(finish_times(spec, {kAllReduce, Bytes{1048576}, {}}, {0, 0, 0, 0}),
              ElementsAre(49211, 39982, 49211, 26658));
}

TEST(Collective, EverySecondTreeIsMirrored) {
  DeviceSimulatorSpec spec = spec_of({full(4)});
  spec.collectives = CollectiveSettings::all(algorithm_from_name("doubleBinaryTree"));
  DeviceSimulator sim(spec);
  const CollectiveRequest request{kAllReduce, Bytes{1048576}, {}};
  for (int use = 0; use < 2; ++use) {
    for (std::int32_t npu = 0; npu < 4; ++npu) {
      sim.start(entry_at(npu, 0, request));
    }
    const std::int64_t begin = sim.now().count();
    const Times finish = run(sim);
    EXPECT_EQ(finish[use == 0 ? 3U : 0U] - begin, 26658);
  }
}

TEST(Collective, DirectExchangesWithAWindow) {
  struct Case {
    const char* algorithm;
    std::int64_t npus;
    Times times;  // ALLREDUCE, ALLGATHER, REDUCESCATTER, ALLTOALL
  };
  const std::vector<Case> cases = {{"direct1", 4, {18190, 27697, 10123, 8077}},
                                   {"direct1", 8, {24436, 64613, 13243, 11203}},
                                   {"direct2", 4, {11789, 18468, 6411, 5388}},
                                   {"direct2", 8, {13822, 36926, 7426, 6406}}};
  const CollectiveKind kinds[] = {kAllReduce, kAllGather, CollectiveKind::reduce_scatter,
                                  CollectiveKind::all_to_all};
  for (const Case& given : cases) {
    DeviceSimulatorSpec spec = spec_of({full(given.npus)});
    spec.collectives = CollectiveSettings::all(algorithm_from_name(given.algorithm));
    for (std::size_t i = 0; i < 4; ++i) {
      const Times finish = finish_times(spec, {kinds[i], Bytes{1048576}, {}},
                                        Times(static_cast<std::size_t>(given.npus), 0));
      EXPECT_THAT(finish, ::testing::Each(given.times[i])) << given.algorithm << given.npus << i;
    }
  }
}

TEST(Collective, EndpointDelayAndReductionAreSeparateTimes) {
  // Two members, 1 MiB: message 524288 B = 4359 ns, reduction 3 * 682.
  DeviceSimulator sim(spec_of({full(2, 112, 0)}));
  for (std::int32_t npu = 0; npu < 2; ++npu) {
    sim.start(entry_at(npu, 0, {kAllReduce, Bytes{1048576}, {}}));
  }
  EXPECT_THAT(testing::step_times(sim), ElementsAre(10, 4369, 4379, 6425, 10784, 10794));
}

TEST(Collective, AnEarlyMessageWaitsForItsReceiver) {
  // NPU 0 sends at 10, received at 529; NPU 1 enters at 2000 and receives at 2010.
  DeviceSimulator sim(spec_of({full(2)}));
  sim.start(entry_at(0, 0, {kAllGather, Bytes{2400}, {}}));
  sim.start(entry_at(1, 2000, {kAllGather, Bytes{2400}, {}}));
  EXPECT_THAT(testing::step_times(sim), ElementsAre(10, 529, 2000, 2010, 2020, 2529, 2539));
}

TEST(Collective, WithoutAnotherMemberTakesNoTimeAndNoNumber) {
  DeviceSimulator sim(spec_of({full(1), full(2)}));
  NpuProgram alone(0);
  const std::int32_t first = alone.collective(kAllReduce, 4096, {2, 0b01});
  alone.collective(kAllReduce, 4096, {2, 0b10}, {alone.compute(7, {first})});
  sim.start(alone.done());
  sim.start(entry_at(1, 0, {kAllReduce, Bytes{4096}, {2, 0b10}}));
  const Times finish = run(sim);
  EXPECT_GT(finish[0], 7);
  EXPECT_GT(finish[1], 7);
  EXPECT_EQ(sim.describe_waits(), "");
}

TEST(Collective, ABareCollectiveOfOneEndsAtOnce) {
  DeviceSimulator sim(spec_of({full(1)}));
  sim.start(entry_at(0, 0, {kAllReduce, Bytes{4096}, {}}));
  EXPECT_TRUE(sim.finished(0));
  EXPECT_FALSE(sim.busy());
}

TEST(Collective, AMissingMemberIsNamed) {
  DeviceSimulator sim(spec_of({full(2), full(2)}));
  sim.start(entry_at(0, 0, {kAllReduce, Bytes{4096}, {2, 0b01}}));
  run(sim);
  EXPECT_EQ(sim.describe_waits(),
            "NPU 0 waits in ALLREDUCE #0 (4096 B, dims 1,0) for NPU 1, which has finished its "
            "program");
}

TEST(Collective, UnequalSizesAreNamed) {
  DeviceSimulator sim(spec_of({full(2)}));
  sim.start(entry_at(0, 0, {kAllGather, Bytes{100}, {}}));
  sim.start(entry_at(1, 0, {kAllGather, Bytes{200}, {}}));
  EXPECT_THAT(run(sim), ElementsAre(-1, -1));
  EXPECT_THAT(sim.describe_waits(),
              HasSubstr("NPU 1 waits in ALLGATHER #0 (200 B, dims 1) for NPU 0, which sent 100 B "
                        "where 200 B are expected"));
}

TEST(Collective, AShortMaskIsRefused) {
  DeviceSimulator sim(spec_of({full(2), full(2)}));
  EXPECT_THROW(sim.start(entry_at(0, 0, {kAllReduce, Bytes{1}, {1, 1}})), UserError);
}

// s_r(1) = t_r + e; s_r(i+1) = max(s_r(i), s_{r-1}(i) + c) + e + p.
Times recursion(const CollectivePhase& phase, const Times& starts) {
  const std::size_t n = starts.size();
  Times s;
  for (const std::int64_t start : starts) {
    s.push_back(start + kCosts.endpoint_delay.count());
  }
  for (std::int64_t i = 0; i < phase.steps; ++i) {
    Times next(n);
    for (std::size_t r = 0; r < n; ++r) {
      const std::size_t from = phase.anticlockwise ? (r + 1) % n : (r + n - 1) % n;
      next[r] = std::max(s[r], s[from] + phase.neighbour_time.count()) +
                kCosts.endpoint_delay.count() +
                (i < phase.reductions ? phase.reduction_time.count() : 0);
    }
    s = next;
  }
  return s;
}

CollectiveKind any_kind() {
  return *rc::gen::element(kAllReduce, kAllGather, CollectiveKind::reduce_scatter,
                           CollectiveKind::all_to_all);
}

RC_GTEST_PROP(CollectiveProperty, RingEqualsTheRecursion, ()) {
  const auto n = *rc::gen::inRange<std::size_t>(2, 7);
  const double bandwidth = *rc::gen::element(1.5, 16.0, 112.0);
  const double latency = *rc::gen::element(0.0, 0.5, 500.0);
  const Topology::Dimension dim{
      *rc::gen::element(TopologyKind::ring, TopologyKind::fully_connected, TopologyKind::switch_),
      static_cast<std::int64_t>(n), bandwidth, latency};
  const CollectiveRequest request{
      any_kind(), Bytes{*rc::gen::inRange<std::int64_t>(1, 300000)}, {}};
  const auto starts = *rc::gen::container<Times>(n, rc::gen::inRange<std::int64_t>(0, 20000));
  const CollectivePlan plan = make_plan(Topology({dim}), request, {}, kCosts);
  RC_ASSERT(finish_times(spec_of({dim}), request, starts) ==
            recursion(plan.phases.front(), starts));
}

RC_GTEST_PROP(CollectiveProperty, NobodyLeavesBeforeTheLastHasEntered, ()) {
  const testing::Dims dims = {full(*rc::gen::inRange(1, 4), 16, 100),
                              full(*rc::gen::inRange(1, 4), 4, 0),
                              full(*rc::gen::inRange(1, 3), 64, 7)};
  const DeviceSimulatorSpec spec = spec_of(dims);
  const auto count = static_cast<std::size_t>(spec.topology.num_npus());
  const auto starts = *rc::gen::container<Times>(count, rc::gen::inRange<std::int64_t>(0, 9000));
  const CollectiveRequest request{
      any_kind(), Bytes{*rc::gen::inRange<std::int64_t>(1, 100000)}, {}};
  const Times finish = finish_times(spec, request, starts);
  const std::int64_t last_entry = *std::max_element(starts.begin(), starts.end());
  const std::int64_t first_finish = *std::min_element(finish.begin(), finish.end());
  RC_ASSERT(first_finish >= last_entry);
}

RC_GTEST_PROP(CollectiveProperty, EqualStartsEqualTheFormula, ()) {
  const testing::Dims dims = {full(*rc::gen::inRange(1, 5), 16, 100),
                              full(*rc::gen::inRange(1, 4), 4, 0),
                              full(*rc::gen::inRange(1, 4), 64, 7)};
  const DeviceSimulatorSpec spec = spec_of(dims);
  const DimMask mask{3, *rc::gen::inRange<std::uint32_t>(0, 8)};
  const CollectiveRequest request{any_kind(), Bytes{*rc::gen::inRange<std::int64_t>(1, 1 << 20)},
                                  mask};
  const Times finish =
      finish_times(spec, request, Times(static_cast<std::size_t>(spec.topology.num_npus()), 0));
  const CollectiveSpan span = closed_form(spec.topology, request, {}, kCosts);
  RC_ASSERT(*std::min_element(finish.begin(), finish.end()) == span.first.count());
  RC_ASSERT(*std::max_element(finish.begin(), finish.end()) == span.last.count());
}

/// Hears what each NPU sent in a phase.
class SentBytes final : public DeviceListener {
public:
  void on_phase(const NetworkPhase& phase) override { sent.push_back(phase.sent.count()); }
  std::vector<std::int64_t> sent;
};

TEST(Collectives, WhoListensHearsWhatWasSent) {
  DeviceSimulator sim(spec_of({full(4, 112, 500)}));
  SentBytes phases;
  sim.listen(&phases);
  for (std::int32_t npu = 0; npu < 4; ++npu) {
    sim.start(entry_at(npu, 0, {kAllReduce, Bytes{400}, {}}));
  }
  while (sim.busy()) {
    sim.step();
  }
  // A quarter goes round twice, but for the NPU's own.
  EXPECT_THAT(phases.sent, ElementsAre(600, 600, 600, 600));
}

}  // namespace
}  // namespace lockstep
