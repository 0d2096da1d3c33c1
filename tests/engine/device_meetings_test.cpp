// Collectives whose duration is given.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "engine/device_fixture.hpp"

namespace lockstep {
namespace {

using testing::full;
using testing::NpuProgram;
using testing::run;
using testing::spec_of;
using Times = std::vector<std::int64_t>;

GraphNode timed(std::int64_t duration, DimMask mask = {}) {
  GraphNode node;
  node.kind = NodeKind::collective;
  node.comm = CollectiveKind::all_reduce;
  node.size = Bytes{4096};
  node.comm_mask = mask;
  node.duration = Nanos{duration};
  return node;
}

TEST(Meetings, AllEndTogetherAfterTheLastHasCome) {
  DeviceSimulator sim(spec_of({full(3)}));
  for (std::int32_t npu = 0; npu < 3; ++npu) {
    NpuProgram program(npu);
    const std::int32_t before = program.compute(10 * (npu + 1));
    const std::int32_t met = program.add(timed(100), {before});
    program.compute(npu + 1, {met});
    sim.start(program.done());
  }
  EXPECT_EQ(run(sim), (Times{131, 132, 133}));
}

TEST(Meetings, TheLongestOfTheGivenTimesCounts) {
  DeviceSimulator sim(spec_of({full(2)}));
  for (std::int32_t npu = 0; npu < 2; ++npu) {
    NpuProgram program(npu);
    program.add(timed(npu == 0 ? 50 : 70));
    sim.start(program.done());
  }
  EXPECT_EQ(run(sim), (Times{70, 70}));
}

TEST(Meetings, TheKthMeetsTheKthOfItsOwnGroup) {
  DeviceSimulator sim(spec_of({full(2), full(2)}));
  const DimMask inner{2, 0b01};
  const DimMask outer{2, 0b10};
  for (std::int32_t npu = 0; npu < 4; ++npu) {
    NpuProgram program(npu);
    std::int32_t last = program.compute(npu < 2 ? 5 : 1000);
    last = program.add(timed(10, inner), {last});  // 0 with 1, 2 with 3
    last = program.add(timed(20, inner), {last});
    program.add(timed(30, outer), {last});  // 0 with 2, 1 with 3
    sim.start(program.done());
  }
  EXPECT_EQ(run(sim), (Times{1060, 1060, 1060, 1060}));
}

TEST(Meetings, AloneItTakesNoTime) {
  DeviceSimulator sim(spec_of({full(2), full(1)}));
  NpuProgram program(0);
  program.compute(7, {program.add(timed(100, DimMask{2, 0b10}))});
  sim.start(program.done());
  EXPECT_EQ(run(sim)[0], 7);
}

TEST(Meetings, WhoIsMissingIsSaid) {
  DeviceSimulator sim(spec_of({full(3)}));
  for (std::int32_t npu = 0; npu < 2; ++npu) {
    NpuProgram program(npu);
    program.add(timed(100));
    sim.start(program.done());
  }
  while (sim.busy()) {
    sim.step();
  }
  EXPECT_THAT(sim.describe_waits(),
              ::testing::HasSubstr("NPU 0 waits in ALLREDUCE for 1 of its peers"));
}

}  // namespace
}  // namespace lockstep
