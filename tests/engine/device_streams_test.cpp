// Collectives cut into chunks, and what of them runs at once.
#include "engine/device_streams.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "engine/device_fixture.hpp"

namespace lockstep {
namespace {

using testing::Dims;
using ::testing::Each;
using testing::full;
using testing::kAllReduce;
using testing::NpuProgram;
using testing::run;
using testing::spec_of;
using testing::step_times;

DeviceSimulatorSpec split(Dims dims, std::int64_t splits, std::int64_t active = 1,
                          std::int64_t queues = 1) {
  DeviceSimulatorSpec spec = spec_of(std::move(dims));
  spec.streams = {SchedulingPolicy::lifo, splits, active, queues};
  return spec;
}

void start_all(DeviceSimulator& sim, CollectiveKind kind, std::int64_t size, int repeats = 1) {
  for (std::int32_t npu = 0; npu < sim.num_npus(); ++npu) {
    NpuProgram program(npu);
    std::vector<std::int32_t> parents;
    for (int i = 0; i < repeats; ++i) {
      parents = {program.collective(kind, size, {}, parents)};
    }
    sim.start(program.done());
  }
}

std::vector<std::int64_t> finish(const DeviceSimulatorSpec& spec, CollectiveKind kind,
                                 std::int64_t size, int repeats = 1) {
  DeviceSimulator sim(spec);
  start_all(sim, kind, size, repeats);
  return run(sim);
}

TEST(Streams, ChunksRunOneAfterAnotherOrTogether) {
  const Dims four{full(4, 112, 0)};
  EXPECT_THAT(finish(split(four, 1), kAllReduce, 1048576), Each(16213));
  EXPECT_THAT(finish(split(four, 2), kAllReduce, 1048576), Each(16268));
  EXPECT_THAT(finish(split(four, 2, 2), kAllReduce, 1048576), Each(8134));
}

TEST(Streams, TheLastChunkIsNotShortened) {
  EXPECT_THAT(finish(split({full(4, 112, 0)}, 3), kAllReduce, 1'000'001), Each(20776));
}

TEST(Streams, ChunksOverlapInDifferentDimensions) {
  const Dims square{full(2, 112, 0), full(2, 25, 0)};
  EXPECT_THAT(finish(split(square, 4), kAllReduce, 1048576), Each(23396));
  DeviceSimulatorSpec baseline = split(square, 1);
  baseline.collectives.bandwidth_aware = false;
  EXPECT_THAT(finish(baseline, kAllReduce, 1048576), Each(51932));
}

TEST(Streams, AQueueRunsItsShareOfTheActiveChunks) {
  // Four chunks of 4067 ns: active 3 in 2 queues are 2 each, so all run at once.
  const Dims four{full(4, 112, 0)};
  const auto quarter = finish(split(four, 1), kAllReduce, 262144);
  EXPECT_EQ(finish(split(four, 4, 3, 2), kAllReduce, 1048576), quarter);
  // One each: two rounds.
  for (const std::int64_t time : finish(split(four, 4, 2, 2), kAllReduce, 1048576)) {
    EXPECT_EQ(time, 2 * quarter.front());
  }
}

TEST(Streams, FewBytesGrowToOneForEveryNpuAndChunk) {
  const Dims four{full(4, 112, 0)};
  const auto one = finish(split(four, 1), kAllReduce, 4);
  EXPECT_THAT(finish(split(four, 3), kAllReduce, 2), Each(3 * one.front()));
  // Five shares of one byte where three splits leave none.
  const auto share = finish(split(four, 1), CollectiveKind::all_gather, 1);
  EXPECT_THAT(finish(split(four, 7), CollectiveKind::all_gather, 5), Each(5 * share.front()));
  EXPECT_THAT(finish(split(four, 7), CollectiveKind::all_gather, 0), Each(0));
}

TEST(StreamQueues, PriorityThenArrival) {
  StreamQueues queues(1, {SchedulingPolicy::lifo, 1, 1, 1});
  const std::int64_t older = queues.next_priority();
  const std::int64_t newer = queues.next_priority();
  queues.arrive(0, 0, older);
  EXPECT_EQ(queues.start_next(0), 0);
  queues.arrive(0, 1, older);
  queues.arrive(0, 2, newer);
  queues.arrive(0, 3, newer);
  EXPECT_EQ(queues.start_next(0), std::nullopt);
  for (const std::int32_t expected : {2, 3, 1}) {
    queues.leave(0);
    EXPECT_EQ(queues.start_next(0), expected);
  }
  EXPECT_LT(older, newer);
  StreamQueues fifo(1, {SchedulingPolicy::fifo, 1, 1, 1});
  const std::int64_t first = fifo.next_priority();
  EXPECT_GT(first, fifo.next_priority());
  StreamQueues given(1, {SchedulingPolicy::explicit_, 1, 1, 1});
  const std::int64_t any = given.next_priority();
  EXPECT_EQ(any, given.next_priority());
}

TEST(StreamQueues, HalvesOfTheQueuesForHalvesOfAnAllreduce) {
  StreamQueues queues(2, {SchedulingPolicy::lifo, 4, 4, 4});
  CollectivePhase phase;
  phase.group.dimension = 1;
  phase.kind = CollectiveKind::reduce_scatter;
  for (const std::size_t queue : {4U, 5U, 4U}) {
    EXPECT_EQ(queues.assign(kAllReduce, phase), queue);
    EXPECT_FALSE(queues.anticlockwise(queue, phase));
  }
  phase.kind = CollectiveKind::all_gather;
  for (const std::size_t queue : {6U, 7U, 6U}) {
    EXPECT_EQ(queues.assign(kAllReduce, phase), queue);
    EXPECT_TRUE(queues.anticlockwise(queue, phase));
  }
  for (const std::size_t queue : {4U, 5U, 6U, 7U, 4U}) {
    EXPECT_EQ(queues.assign(CollectiveKind::all_gather, phase), queue);
  }
}

CollectiveKind any_stream_kind() {
  return *rc::gen::element(kAllReduce, CollectiveKind::all_gather, CollectiveKind::reduce_scatter,
                           CollectiveKind::all_to_all);
}

RC_GTEST_PROP(StreamsProperty, WithoutSplitsNoSettingMatters, ()) {
  const Dims dims{full(*rc::gen::inRange(1, 5), 16, 100), full(*rc::gen::inRange(1, 4), 4, 0)};
  const CollectiveKind kind = any_stream_kind();
  const auto size = *rc::gen::inRange<std::int64_t>(1, 1 << 20);
  DeviceSimulatorSpec other =
      split(dims, 1, *rc::gen::inRange<std::int64_t>(1, 5), *rc::gen::inRange<std::int64_t>(1, 4));
  other.streams.policy = *rc::gen::element(SchedulingPolicy::lifo, SchedulingPolicy::fifo,
                                           SchedulingPolicy::explicit_);
  DeviceSimulator plain(spec_of(dims));
  DeviceSimulator queued(other);
  start_all(plain, kind, size, 2);
  start_all(queued, kind, size, 2);
  RC_ASSERT(step_times(plain) == step_times(queued));
}

RC_GTEST_PROP(StreamsProperty, EveryChunkedCollectiveEnds, ()) {
  const Dims dims{full(*rc::gen::inRange(1, 4), 16, 100), full(*rc::gen::inRange(1, 4), 4, 7),
                  full(*rc::gen::inRange(1, 3), 64, 0)};
  const auto splits = *rc::gen::inRange<std::int64_t>(1, 9);
  const DeviceSimulatorSpec spec = split(dims, splits, *rc::gen::inRange<std::int64_t>(1, 5),
                                         *rc::gen::inRange<std::int64_t>(1, 5));
  DeviceSimulator sim(spec);
  start_all(sim, any_stream_kind(), *rc::gen::inRange<std::int64_t>(1, 100000), 2);
  for (const std::int64_t time : run(sim)) {
    RC_ASSERT(time >= 0);
  }
  RC_ASSERT(sim.describe_waits().empty());
}

}  // namespace
}  // namespace lockstep
