// The formulas against recorded finish times and a few figures of their own.
#include "network/closed_form.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "base/error.hpp"
#include "network/vectors.hpp"
#include "reference_data.hpp"

namespace lockstep {
namespace {

constexpr CollectiveCosts kCosts{Nanos{10}, 768};

Topology mesh(std::int64_t npus, double latency) {
  return Topology({{TopologyKind::fully_connected, npus, 112, latency}});
}

std::int64_t ring_time(const Topology& topology, CollectiveKind kind, std::int64_t size,
                       DimMask mask = {}) {
  const CollectiveSpan span = closed_form(topology, {kind, Bytes{size}, mask}, {}, kCosts);
  EXPECT_EQ(span.first, span.last);
  return span.last.count();
}

TEST(ClosedForm, RingsOfOneDimension) {
  EXPECT_EQ(ring_time(mesh(2, 0), CollectiveKind::all_reduce, 1), 30);
  EXPECT_EQ(ring_time(mesh(4, 500), CollectiveKind::all_reduce, 1048576), 19213);
  EXPECT_EQ(ring_time(mesh(4, 500), CollectiveKind::all_gather, 1048576), 27697);
  EXPECT_EQ(ring_time(mesh(8, 0), CollectiveKind::reduce_scatter, 33554432), 358900);
  EXPECT_EQ(ring_time(mesh(8, 0), CollectiveKind::all_to_all, 8192), 514);
}

TEST(ClosedForm, RingsOfTwoDimensions) {
  const Topology topology(
      {{TopologyKind::fully_connected, 2, 112, 500}, {TopologyKind::fully_connected, 4, 25, 1000}});
  EXPECT_EQ(ring_time(topology, CollectiveKind::all_reduce, 1048576), 48696);
  EXPECT_EQ(ring_time(topology, CollectiveKind::all_gather, 1048576), 155623);
  EXPECT_EQ(ring_time(topology, CollectiveKind::reduce_scatter, 1048576), 26141);
  EXPECT_EQ(ring_time(topology, CollectiveKind::all_to_all, 1048576), 69539);
  EXPECT_EQ(ring_time(topology, CollectiveKind::all_reduce, 1048576, {2, 0b10}), 67729);
}

TEST(ClosedForm, TheFullSizeOnEveryDimension) {
  const Topology topology(
      {{TopologyKind::fully_connected, 2, 112, 0}, {TopologyKind::fully_connected, 2, 25, 0}});
  CollectiveSettings settings;
  settings.bandwidth_aware = false;
  const CollectiveSpan span =
      closed_form(topology, {CollectiveKind::all_reduce, Bytes{1048576}, {}}, settings, kCosts);
  EXPECT_EQ(span.last.count(), 51932);
}

TEST(ClosedForm, ASlowMemoryReducesSlowly) {
  EXPECT_EQ((CollectiveCosts{Nanos{10}, 0.5}).reduction(Bytes{100}), Nanos{600});
  EXPECT_EQ((CollectiveCosts{Nanos{10}, 0}).reduction(Bytes{100}), Nanos{0});
}

/// The farthest of six is three links away, whichever way round.
TEST(ClosedForm, MessagesGoTheShortWayRound) {
  const CollectiveSettings direct = CollectiveSettings::all(algorithm_from_name("direct"));
  const auto time = [&](std::int64_t npus, double latency) {
    const Topology ring({{TopologyKind::ring, npus, 112, latency}});
    return closed_form(ring, {CollectiveKind::all_to_all, Bytes{6}, {}}, direct, kCosts).last;
  };
  EXPECT_EQ(time(6, 1000) - time(6, 0), Nanos{3000});
  EXPECT_EQ(time(5, 1000) - time(5, 0), Nanos{2000});
}

TEST(ClosedForm, TreesEndAtTheLeaves) {
  const CollectiveSettings tree = CollectiveSettings::all(algorithm_from_name("doubleBinaryTree"));
  const CollectiveSpan span =
      closed_form(mesh(4, 500), {CollectiveKind::all_reduce, Bytes{1048576}, {}}, tree, kCosts);
  EXPECT_EQ(span.first.count(), 26658);
  EXPECT_EQ(span.last.count(), 49211);
}

TEST(ClosedForm, EqualsEveryRecordedCollective) {
  LOCKSTEP_REQUIRE_REFERENCE(reference);
  const CollectiveCosts costs{Nanos{10}, 1597};
  std::int64_t total = 0;
  for (const testing::CollectiveVector& vector :
       testing::collective_vectors(reference / "vectors" / "collectives.csv")) {
    ++total;
    const Topology topology(vector.dims);
    const CollectiveSettings settings = CollectiveSettings::all(vector.algorithm);
    if (vector.finish) {
      EXPECT_EQ(closed_form(topology, vector.request, settings, costs), *vector.finish)
          << vector.line;
      continue;
    }
    try {
      EXPECT_EQ(closed_form(topology, vector.request, settings, costs), CollectiveSpan{})
          << vector.line;
    } catch (const UserError&) {
    }
  }
  EXPECT_EQ(total, 4284);
}

/// On any grid, for any kind: twice the bandwidth everywhere is never slower, nor is half the
/// latency.
RC_GTEST_PROP(ClosedFormProperty, FasterLinksAreNeverSlower, ()) {
  std::vector<Topology::Dimension> dims(*rc::gen::inRange<std::size_t>(1, 4));
  for (Topology::Dimension& dim : dims) {
    dim = {
        *rc::gen::element(TopologyKind::ring, TopologyKind::fully_connected, TopologyKind::switch_),
        *rc::gen::inRange<std::int64_t>(1, 9), 0.5 + *rc::gen::inRange(0, 1000),
        static_cast<double>(*rc::gen::inRange(0, 5000))};
  }
  const CollectiveRequest request{
      *rc::gen::element(CollectiveKind::all_reduce, CollectiveKind::all_gather,
                        CollectiveKind::reduce_scatter, CollectiveKind::all_to_all),
      Bytes{*rc::gen::inRange<std::int64_t>(1, 100'000'000)},
      {}};
  const CollectiveSettings settings = CollectiveSettings::all(
      algorithm_from_name(*rc::gen::element<std::string>("ring", "direct")));
  const CollectiveSpan slow = closed_form(Topology(dims), request, settings, kCosts);
  std::vector<Topology::Dimension> faster = dims;
  const bool wider = *rc::gen::arbitrary<bool>();
  for (Topology::Dimension& dim : faster) {
    dim.bandwidth *= wider ? 2 : 1;
    dim.latency /= wider ? 1 : 2;
  }
  const CollectiveSpan fast = closed_form(Topology(faster), request, settings, kCosts);
  RC_ASSERT(fast.first <= slow.first);
  RC_ASSERT(fast.last <= slow.last);
}

}  // namespace
}  // namespace lockstep
