// Coordinates, message times and what a network may not be.
#include "network/topology.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/error.hpp"

namespace lockstep {
namespace {

constexpr auto kFullMesh = TopologyKind::fully_connected;
constexpr auto kRing = TopologyKind::ring;
constexpr auto kSwitch = TopologyKind::switch_;

TEST(Topology, DimensionZeroIsInnermost) {
  const Topology topology({{kFullMesh, 4, 112, 0}, {kFullMesh, 2, 112, 0}, {kFullMesh, 3, 112, 0}});
  EXPECT_EQ(topology.num_npus(), 24);
  EXPECT_EQ(topology.coordinate(23, 0), 3);
  EXPECT_EQ(topology.coordinate(23, 1), 1);
  EXPECT_EQ(topology.coordinate(23, 2), 2);
  EXPECT_EQ(topology.neighbour(3, 0, 1), 0);
  EXPECT_EQ(topology.neighbour(0, 0, -1), 3);
  EXPECT_EQ(topology.neighbour(1, 1, 1), 5);
  EXPECT_EQ(topology.neighbour(17, 2, 2), 9);
}

TEST(Topology, AMessageIsTruncatedOnce) {
  const Topology topology({{kFullMesh, 2, 112, 0.6}, {kFullMesh, 2, 16, 20000}});
  // 100 / 120.259 = 0.83; with 0.6 in front the sum passes 1.
  EXPECT_EQ(topology.message_time(0, 1, Bytes{100}), Nanos{1});
  EXPECT_EQ(topology.message_time(0, 2, Bytes{100}), Nanos{2});
  EXPECT_EQ(topology.message_time(1, 1, Bytes{1048576}), Nanos{81035});
}

TEST(Topology, HopsDependOnTheBuildingBlock) {
  const Topology mesh({{kFullMesh, 8, 1000, 100}});
  const Topology ring({{kRing, 8, 1000, 100}});
  const Topology switched({{kSwitch, 8, 1000, 100}});
  EXPECT_EQ(mesh.point_to_point_time(0, 5, Bytes{1}), Nanos{100});
  EXPECT_EQ(ring.point_to_point_time(0, 5, Bytes{1}), Nanos{300});
  EXPECT_EQ(ring.point_to_point_time(5, 0, Bytes{1}), Nanos{300});
  EXPECT_EQ(switched.point_to_point_time(0, 5, Bytes{1}), Nanos{200});
  EXPECT_EQ(switched.neighbour_time(0, Bytes{1}), Nanos{200});
  EXPECT_EQ(ring.neighbour_time(0, Bytes{1}), Nanos{100});
}

TEST(Topology, OnlyTheLowestDifferingDimensionIsPriced) {
  const Topology topology({{kFullMesh, 2, 1000, 1}, {kFullMesh, 2, 1000, 50}});
  EXPECT_EQ(topology.point_to_point_time(0, 3, Bytes{1}), Nanos{1});
  EXPECT_EQ(topology.point_to_point_time(0, 2, Bytes{1}), Nanos{50});
  EXPECT_THROW(static_cast<void>(topology.point_to_point_time(2, 2, Bytes{1})), InternalError);
}

TEST(Topology, RefusesWhatCannotBe) {
  using Dims = std::vector<Topology::Dimension>;
  const std::vector<Dims> bad = {Dims{},
                                 {{kFullMesh, 0, 1, 0}},
                                 {{kFullMesh, -2, 1, 0}},
                                 {{kFullMesh, 2, 0, 0}},
                                 {{kFullMesh, 2, 1, -1}},
                                 {{kFullMesh, 2, 1.0 / 0.0, 0}},
                                 {{kFullMesh, 1 << 20, 1, 0}, {kFullMesh, 1 << 20, 1, 0}}};
  for (const Dims& dims : bad) {
    EXPECT_THROW(static_cast<void>(Topology(dims)), UserError);
  }
  NetworkDims uneven;
  uneven.npus = {2, 2};
  uneven.bandwidth = {16};
  uneven.latency = {1, 1};
  EXPECT_THROW(static_cast<void>(Topology::from(uneven)), UserError);
}

TEST(Topology, NamesGoBothWays) {
  for (const TopologyKind kind : {kFullMesh, kRing, kSwitch}) {
    EXPECT_EQ(topology_from_name(topology_name(kind)), kind);
  }
  EXPECT_EQ(topology_from_name("Torus"), std::nullopt);
}

RC_GTEST_PROP(TopologyProperty, NeighboursDifferInOneCoordinate, ()) {
  std::vector<Topology::Dimension> dims;
  for (auto n = *rc::gen::inRange(1, 5); n > 0; --n) {
    dims.push_back({kFullMesh, *rc::gen::inRange<std::int64_t>(1, 5), 1, 0});
  }
  const Topology topology(dims);
  const auto npu = *rc::gen::inRange<std::int64_t>(0, topology.num_npus());
  const auto d = *rc::gen::inRange<std::size_t>(0, dims.size());
  const auto offset = *rc::gen::inRange<std::int64_t>(-9, 9);
  const std::int64_t other = topology.neighbour(npu, d, offset);
  RC_ASSERT(other >= 0 && other < topology.num_npus());
  RC_ASSERT(topology.neighbour(other, d, -offset) == npu);
  for (std::size_t k = 0; k < dims.size(); ++k) {
    RC_ASSERT(k == d || topology.coordinate(npu, k) == topology.coordinate(other, k));
  }
}

}  // namespace
}  // namespace lockstep
