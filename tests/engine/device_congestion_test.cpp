// Messages that queue for links.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/error.hpp"
#include "engine/device_fixture.hpp"

namespace lockstep {
namespace {

using testing::Dims;
using ::testing::Each;
using ::testing::ElementsAre;
using testing::full;
using testing::NpuProgram;
using testing::run;
using testing::spec_of;

DeviceSimulatorSpec aware(TopologyKind kind, std::int64_t npus, double latency = 0,
                          const char* algorithm = "ring") {
  DeviceSimulatorSpec spec = spec_of({{kind, npus, 112, latency}});
  spec.congestion_aware = true;
  spec.collectives = CollectiveSettings::all(algorithm_from_name(algorithm));
  return spec;
}

std::vector<std::int64_t> finish(const DeviceSimulatorSpec& spec, CollectiveKind kind,
                                 std::int64_t size) {
  DeviceSimulator sim(spec);
  for (std::int32_t npu = 0; npu < sim.num_npus(); ++npu) {
    NpuProgram program(npu);
    program.collective(kind, size);
    sim.start(program.done());
  }
  return run(sim);
}

TEST(Congestion, CollectivesOverLinks) {
  constexpr std::int64_t kSize = 1048576;
  const auto mesh = TopologyKind::fully_connected;
  const auto star = TopologyKind::switch_;
  EXPECT_THAT(finish(aware(mesh, 4), CollectiveKind::all_reduce, kSize), Each(16213));
  EXPECT_THAT(finish(aware(star, 4), CollectiveKind::all_reduce, kSize), Each(29287));
  EXPECT_THAT(finish(aware(mesh, 4, 0, "direct"), CollectiveKind::all_to_all, kSize), Each(2199));
  EXPECT_EQ(
      std::ranges::max(finish(aware(star, 4, 0, "direct"), CollectiveKind::all_to_all, kSize)),
      8736);
}

// Sends from NPU 0 and 1 to `target` at time 0; when the senders are through.
std::vector<std::int64_t> two_flows(const DeviceSimulatorSpec& spec, std::int32_t target) {
  DeviceSimulator sim(spec);
  NpuProgram receiver(target);
  for (const std::int32_t source : {0, 1}) {
    NpuProgram sender(source);
    sender.send(target, 1048576, source);
    sim.start(sender.done());
    receiver.recv(source, 1048576, source);
  }
  sim.start(receiver.done());
  return run(sim);
}

TEST(Congestion, FlowsShareALinkInOrderOfArrival) {
  // 1 MiB takes 8719 ns a link. Mesh: a link each. Switch: one link into the receiver.
  EXPECT_THAT(two_flows(aware(TopologyKind::fully_connected, 3, 500), 2),
              ElementsAre(9219, 9219, 9219));
  EXPECT_THAT(two_flows(aware(TopologyKind::switch_, 3, 500), 2), ElementsAre(18438, 27157, 27157));
  // Ring of five: 1 sends to 2 at once, 0's message comes to NPU 1 later and finds the link free.
  EXPECT_THAT(two_flows(aware(TopologyKind::ring, 5, 500), 2),
              ElementsAre(18438, 9219, 18438, 0, 0));
}

TEST(Congestion, ARingGoesTheShorterWayAndClockwiseOnATie) {
  const auto time = [](std::int32_t source, std::int32_t target) {
    DeviceSimulator sim(aware(TopologyKind::ring, 4, 500));
    NpuProgram sender(source);
    sender.send(target, 1048576);
    sim.start(sender.done());
    return run(sim)[static_cast<std::size_t>(source)];
  };
  EXPECT_EQ(time(0, 3), 9219);
  EXPECT_EQ(time(0, 2), 18438);
  // 0 -> 2 and 1 -> 2 meet on the link from 1 to 2 only if 0's message goes clockwise.
  DeviceSimulator sim(aware(TopologyKind::ring, 4, 0));
  NpuProgram far(0);
  far.send(2, 1048576);
  NpuProgram near(1);
  near.send(2, 2 * 1048576);
  sim.start(far.done());
  sim.start(near.done());
  EXPECT_THAT(run(sim), ElementsAre(17438 + 8719, 17438, 0, 0));
}

TEST(Congestion, SeveralDimensionsAreRefused) {
  DeviceSimulatorSpec spec = spec_of({full(2), full(2)});
  spec.congestion_aware = true;
  EXPECT_THROW(DeviceSimulator{spec}, UserError);
  spec = spec_of({full(1), full(2)});
  spec.congestion_aware = true;
  EXPECT_NO_THROW(DeviceSimulator{spec});
}

RC_GTEST_PROP(CongestionProperty, ASingleFlowOnAMeshIsAsWithoutContention, ()) {
  const auto npus = *rc::gen::inRange<std::int64_t>(2, 9);
  const auto source = *rc::gen::inRange<std::int32_t>(0, static_cast<std::int32_t>(npus));
  const auto offset = *rc::gen::inRange<std::int32_t>(1, static_cast<std::int32_t>(npus));
  const auto target = static_cast<std::int32_t>((source + offset) % npus);
  const auto size = *rc::gen::inRange<std::int64_t>(1, 1 << 24);
  DeviceSimulatorSpec spec = spec_of(
      {full(npus, *rc::gen::element(1.5, 16.0, 112.0), *rc::gen::element(0.0, 0.5, 500.0))});
  const auto times = [&](bool congestion) {
    spec.congestion_aware = congestion;
    DeviceSimulator sim(spec);
    NpuProgram sender(source);
    sender.send(target, size);
    sim.start(sender.done());
    return run(sim);
  };
  RC_ASSERT(times(true) == times(false));
}

RC_GTEST_PROP(CongestionProperty, RingsOnAMeshNeverMeet, ()) {
  const Dims dims{full(*rc::gen::inRange(2, 7), 16, 100)};
  const auto kind = *rc::gen::element(CollectiveKind::all_reduce, CollectiveKind::all_gather,
                                      CollectiveKind::reduce_scatter, CollectiveKind::all_to_all);
  const auto size = *rc::gen::inRange<std::int64_t>(1, 1 << 20);
  DeviceSimulatorSpec spec = spec_of(dims);
  const auto plain = finish(spec, kind, size);
  spec.congestion_aware = true;
  RC_ASSERT(finish(spec, kind, size) == plain);
}

}  // namespace
}  // namespace lockstep
