// Which node runs when: slots, priorities, memory queues, messages.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "base/error.hpp"
#include "engine/device_fixture.hpp"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using testing::full;
using ::testing::HasSubstr;
using testing::NpuProgram;
using testing::remote_level;
using testing::run;
using testing::spec_of;
using testing::step_times;

std::vector<std::int64_t> times_of(const NpuProgram& program, DeviceSimulatorSpec spec) {
  DeviceSimulator sim(std::move(spec));
  sim.start(program.done());
  return step_times(sim);
}

TEST(DeviceNpu, OneComputationAtATimeLowestFirst) {
  NpuProgram program(0);
  const std::int32_t first = program.compute(10);
  program.compute(100, {first});
  program.compute(1000);  // ready before its elder brother, but later in number than its child
  EXPECT_THAT(times_of(program, spec_of({full(1)})), ElementsAre(10, 110, 1110));
}

TEST(DeviceNpu, SendsAndCollectivesShareASlot) {
  DeviceSimulator sim(spec_of({full(2, 1000, 100)}));
  NpuProgram sender(0);
  sender.send(1, 1);
  sender.collective(CollectiveKind::all_gather, 1);
  NpuProgram receiver(1);
  receiver.recv(0, 1);
  receiver.collective(CollectiveKind::all_gather, 1);
  sim.start(sender.done());
  sim.start(receiver.done());
  // NPU 0 enters the gather when its message has arrived, at 100; NPU 1 has sent its part by then.
  EXPECT_THAT(run(sim), ElementsAre(120, 220));
}

TEST(DeviceNpu, ComputeOverlapsCommunicationAndMemory) {
  NpuProgram program(0);
  program.compute(1000);
  program.load(25600);
  EXPECT_THAT(times_of(program, spec_of({full(1)}, {remote_level()})), ElementsAre(200, 1000));
}

TEST(DeviceNpu, NodesWithoutDurationTakeNoTime) {
  NpuProgram program(0);
  const std::int32_t nothing = program.compute(0);
  program.compute(5, {program.compute(0, {nothing})});
  EXPECT_THAT(times_of(program, spec_of({full(1)})), ElementsAre(5));
}

TEST(DeviceNpu, ProgramsWithoutDurationRunThroughTheQueue) {
  DeviceSimulator sim(spec_of({full(1)}));
  NpuProgram nothing(0);
  nothing.compute(0);
  sim.start(std::make_shared<const NpuGraph>(event_graph(0, Nanos{3})));
  sim.enqueue(nothing.done());
  sim.enqueue(nothing.done());
  sim.enqueue(std::make_shared<const NpuGraph>(event_graph(0, Nanos{4})));
  EXPECT_THAT(step_times(sim), ElementsAre(3, 7));
  EXPECT_EQ(sim.iteration(0), 3);
  EXPECT_TRUE(sim.finished(0));
}

TEST(DeviceNpu, ACycleIsAStuckStateAndNotAHang) {
  NpuProgram program(0);
  program.compute(5, {1});
  program.compute(5, {0});
  DeviceSimulator sim(spec_of({full(1)}));
  sim.start(program.done());
  EXPECT_FALSE(sim.busy());
  EXPECT_EQ(sim.describe_waits(), "NPU 0 has 2 nodes left that wait for each other");
}

TEST(DeviceMessages, ReceiveEndsAtTheLaterOfPostingAndArrival) {
  for (const std::int64_t posted : {1, 50000}) {
    DeviceSimulator sim(spec_of({full(2)}));
    NpuProgram sender(0);
    sender.send(1, 1048576, 0, {sender.compute(100)});
    NpuProgram receiver(1);
    receiver.recv(0, 1048576, 0, {receiver.compute(posted)});
    sim.start(sender.done());
    sim.start(receiver.done());
    EXPECT_THAT(run(sim), ElementsAre(9319, std::max<std::int64_t>(9319, posted)));
  }
}

TEST(DeviceMessages, EqualKeysMeetInOrderAndOthersPass) {
  DeviceSimulator sim(spec_of({full(2, 1000, 100)}));
  NpuProgram sender(0);
  const std::int32_t a = sender.send(1, 8, 1);
  sender.send(1, 8, 1, {sender.send(1, 9, 2, {a})});
  NpuProgram receiver(1);
  const std::int32_t late = receiver.recv(0, 9, 2);
  receiver.compute(1000, {receiver.recv(0, 8, 1)});
  receiver.compute(7, {receiver.recv(0, 8, 1, {late})});
  sim.start(sender.done());
  sim.start(receiver.done());
  EXPECT_THAT(run(sim), ElementsAre(300, 1107));
}

TEST(DeviceMessages, UnequalSizesAreFoundAndDescribed) {
  DeviceSimulator sim(spec_of({full(2)}));
  NpuProgram sender(0);
  sender.send(1, 4000, 3);
  NpuProgram receiver(1);
  receiver.recv(0, 4096, 3);
  sim.start(sender.done());
  sim.start(receiver.done());
  const std::vector<std::int64_t> finish = run(sim);
  EXPECT_EQ(finish[1], -1);
  EXPECT_EQ(sim.describe_waits(),
            "NPU 1 waits for a message (4096 B, tag 3) from NPU 0, which sent 4000 B where 4096 B "
            "are expected");
}

TEST(DeviceMemory, FirstComeFirstServedPerDevice) {
  const auto ends = [](MemoryLevelSpec level, std::int32_t second_device) {
    DeviceSimulator sim(spec_of({full(2)}, {level}));
    for (std::int32_t npu = 0; npu < 2; ++npu) {
      NpuProgram program(npu);
      program.load(1048576, {MemoryTier::remote, npu == 0 ? 0 : second_device, -1});
      sim.start(program.done());
    }
    return run(sim);
  };
  EXPECT_THAT(ends(remote_level(), 0), ElementsAre(4196, 8392));
  EXPECT_THAT(ends(remote_level(256, 100, 2), 1), ElementsAre(4196, 4196));
  EXPECT_THAT(ends(remote_level(25.6, 100.7, 2), 1), ElementsAre(42043, 42043));
  EXPECT_THAT(ends(remote_level(60, 250), 0), ElementsAre(17726, 35452));
}

TEST(DeviceMemory, FractionsCountWhenAsked) {
  DeviceSimulatorSpec spec = spec_of({full(1)}, {remote_level(25.6, 100.7)});
  spec.integer_memory_figures = false;
  NpuProgram program(0);
  program.load(1048576);
  EXPECT_THAT(times_of(program, spec), ElementsAre(41060));
}

TEST(DeviceMemory, PrivateLevelsServeAllAtOnce) {
  MemoryLevelSpec level = remote_level(1024, 30);
  level.tier = MemoryTier::local;
  level.discipline = MemoryLevelSpec::Discipline::per_npu;
  NpuProgram program(0);
  program.load(1048576, {MemoryTier::local, -1, -1});
  program.load(1048576, {MemoryTier::local, -1, -1});
  EXPECT_THAT(times_of(program, spec_of({full(1)}, {level})), ElementsAre(1054));
}

TEST(DeviceMemory, InMemoryComputeQueuesPerChannel) {
  MemoryLevelSpec level = remote_level(256, 0);
  level.pim_channels = 2;
  const auto end = [&](std::int32_t second_channel) {
    NpuProgram program(0);
    program.pim(1000, 25600, 0, 0);
    program.pim(500, 25600, 0, second_channel);
    return times_of(program, spec_of({full(1)}, {level})).back();
  };
  EXPECT_EQ(end(0), 1700);
  EXPECT_EQ(end(1), 1100);
}

TEST(DeviceMemory, ChannelsOfSeveralDevicesMayShareAQueue) {
  MemoryLevelSpec level = remote_level(256, 0, 2);
  level.pim_channels = 3;
  NpuProgram program(0);
  program.pim(1000, 256, 0, 2);
  program.pim(1000, 256, 1, 0);
  DeviceSimulatorSpec spec = spec_of({full(1)}, {level});
  EXPECT_EQ(times_of(program, spec).back(), 2002);
  spec.pim_queues_stride_by_devices = false;
  EXPECT_EQ(times_of(program, spec).back(), 1001);
}

TEST(DeviceMemory, RefusesWhatTheClusterLacks) {
  const auto start = [](MemoryLocation location, NodeKind kind = NodeKind::mem_load) {
    NpuProgram program(0);
    GraphNode node;
    node.kind = kind;
    node.location = location;
    program.add(node);
    DeviceSimulator sim(spec_of({full(1)}, {remote_level()}));
    sim.start(program.done());
  };
  EXPECT_NO_THROW(start({MemoryTier::remote, -1, -1}));
  EXPECT_THROW(start({MemoryTier::cxl, 0, -1}), UserError);
  EXPECT_THROW(start({MemoryTier::local, -1, -1}), UserError);
  EXPECT_THROW(start({MemoryTier::remote, 1, -1}), UserError);
  EXPECT_THROW(start({MemoryTier::remote, 0, 0}, NodeKind::pim), UserError);
  EXPECT_THROW(DeviceSimulator(spec_of({full(1)}, {remote_level(0.5)})), UserError);
  EXPECT_THROW(DeviceSimulator(spec_of({full(1)}, {remote_level(256, -1)})), UserError);
  EXPECT_THROW(DeviceSimulator(spec_of({full(1)}, {remote_level(), remote_level()})), UserError);
}

// Random programs of several NPUs with matching sends and collectives: the clock never runs back,
// everything ends, and a second run gives the same times.
RC_GTEST_PROP(DeviceProperty, EverythingEndsAndTimeNeverRunsBack, ()) {
  constexpr std::int32_t kNpus = 4;
  std::vector<NpuProgram> programs;
  for (std::int32_t npu = 0; npu < kNpus; ++npu) {
    programs.emplace_back(npu);
  }
  const auto rounds = *rc::gen::inRange(1, 8);
  std::vector<std::int32_t> last(kNpus, -1);
  for (int round = 0; round < rounds; ++round) {
    const auto what = *rc::gen::inRange(0, 4);
    for (std::int32_t npu = 0; npu < kNpus; ++npu) {
      auto& at = last[static_cast<std::size_t>(npu)];
      NpuProgram& program = programs[static_cast<std::size_t>(npu)];
      const std::vector<std::int32_t> parents =
          at < 0 ? std::vector<std::int32_t>{} : std::vector<std::int32_t>{at};
      switch (what) {
        case 0:
          at = program.compute(*rc::gen::inRange(0, 50), parents);
          break;
        case 1:
          at = program.load(*rc::gen::inRange(0, 5000), {MemoryTier::remote, 0, -1}, parents);
          break;
        case 2:
          at = program.collective(CollectiveKind::all_reduce, 1000 + round, {}, parents);
          break;
        default:
          at = npu % 2 == 0 ? program.send(npu + 1, 700, round, parents)
                            : program.recv(npu - 1, 700, round);
      }
    }
  }
  std::vector<std::int64_t> first;
  for (int repeat = 0; repeat < 2; ++repeat) {
    DeviceSimulator sim(spec_of({full(2, 16, 3), full(2, 4, 0)}, {remote_level(256, 1)}));
    for (const NpuProgram& program : programs) {
      sim.start(program.done());
    }
    const std::vector<std::int64_t> times = step_times(sim);
    RC_ASSERT(std::is_sorted(times.begin(), times.end()));
    for (std::int32_t npu = 0; npu < kNpus; ++npu) {
      RC_ASSERT(sim.finished(npu));
    }
    RC_ASSERT(repeat == 0 || times == first);
    first = times;
  }
}

}  // namespace
}  // namespace lockstep
