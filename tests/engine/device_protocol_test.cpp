// When programs start: a small poll loop that asks last NPUs before first ones after every step.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "engine/device_fixture.hpp"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using testing::full;
using testing::NpuProgram;
using testing::remote_level;
using testing::spec_of;
using Graph = std::shared_ptr<const NpuGraph>;

// Batches of one instance that covers all NPUs. Batch b is offered to the first NPU when
// `offered` allows it, to managed NPUs with it, and to the last NPU at its own next poll.
class Polls {
public:
  using Batch = std::function<Graph(std::int32_t)>;

  Polls(const DeviceSimulatorSpec& spec, std::int64_t event, std::vector<Batch> batches)
      : sim_(spec), batches_(std::move(batches)) {
    for (std::int32_t npu = 0; npu < sim_.num_npus(); ++npu) {
      sim_.start(std::make_shared<const NpuGraph>(event_graph(npu, Nanos{event})));
    }
  }
  // Until `count` polls were seen.
  std::vector<std::string> run(std::size_t count) {
    while (log_.size() < count) {
      sim_.step();
      const auto end = static_cast<std::int32_t>(sim_.num_npus()) - 1;
      poll(end);
      poll(0);
    }
    log_.resize(count);
    return log_;
  }
  [[nodiscard]] bool any_busy() const { return sim_.busy(); }

private:
  void poll(std::int32_t npu) {
    if (!sim_.finished(npu)) {
      return;
    }
    const auto next = static_cast<std::size_t>(sim_.iteration(npu));
    log_.push_back(fmt::format("{},{},{}", npu, next, sim_.now().count()));
    if (next >= batches_.size() || (npu != 0 && next >= given_)) {
      return;
    }
    log_.back() += fmt::format(">b{}", next);
    if (npu == 0) {
      given_ = next + 1;
      for (std::int32_t managed = 1; managed + 1 < sim_.num_npus(); ++managed) {
        sim_.enqueue(batches_[next](managed));
      }
    }
    sim_.start(batches_[next](npu));
  }

  DeviceSimulator sim_;
  std::vector<Batch> batches_;
  std::size_t given_ = 0;
  std::vector<std::string> log_;
};

Graph tensor_parallel_batch(std::int32_t npu) {
  NpuProgram program(npu);
  const std::int32_t load = program.load(40);
  const std::int32_t layer = program.compute(500, {load});
  const std::int32_t reduce = program.collective(CollectiveKind::all_reduce, 1048576, {}, {layer});
  GraphNode store;
  store.kind = NodeKind::mem_store;
  store.size = Bytes{8};
  store.location = {MemoryTier::remote, 0, -1};
  program.add(store, {program.compute(30, {reduce})});
  return program.done();
}

Polls tensor_parallel(std::int64_t npus, double memory_latency) {
  return Polls(spec_of({full(npus)}, {remote_level(256, memory_latency)}), 1000,
               {tensor_parallel_batch});
}

TEST(DeviceProtocol, LastNpuJoinsInAFurtherStepAtTheSameTime) {
  EXPECT_THAT(tensor_parallel(2, 0).run(8),
              ElementsAre("1,0,1000", "0,0,1000>b0", "1,0,1000>b0", "1,1,13324", "0,1,13324",
                          "1,1,1013324", "0,1,1013324", "1,1,2013324"));
}

TEST(DeviceProtocol, LastNpuJoinsAtTheNextEvent) {
  EXPECT_THAT(tensor_parallel(2, 100).run(7),
              ElementsAre("1,0,1000", "0,0,1000>b0", "1,0,1100>b0", "0,1,13524", "1,1,13624",
                          "0,1,13624", "1,1,1013624"));
}

TEST(DeviceProtocol, ManagedNpusStartWithTheFirst) {
  EXPECT_THAT(tensor_parallel(4, 0).run(5),
              ElementsAre("3,0,1000", "0,0,1000>b0", "3,0,1000>b0", "3,1,20743", "0,1,20743"));
}

TEST(DeviceProtocol, MiddleNpusMayStillRunWhenTheEndsReport) {
  Polls polls = tensor_parallel(4, 100);
  EXPECT_THAT(polls.run(8), ElementsAre("3,0,1000", "0,0,1000>b0", "3,0,1100>b0", "3,1,20943",
                                        "3,1,21003", "3,1,21013", "3,1,21043", "0,1,21043"));
  EXPECT_TRUE(polls.any_busy());
}

// Stage 0 loads and sends, stage 1 passes on, stage 2 ends.
Graph pipeline_batch(std::int32_t npu) {
  NpuProgram program(npu);
  if (npu == 0) {
    program.send(1, 65536, 0, {program.compute(1000, {program.load(40)})});
  } else if (npu == 1) {
    program.send(2, 65536, 1, {program.compute(3000, {program.recv(0, 65536, 0)})});
  } else {
    const std::int32_t layer = program.compute(3000, {program.recv(1, 65536, 1)});
    program.load(8, {MemoryTier::remote, 0, -1}, {layer});
  }
  return program.done();
}

TEST(DeviceProtocol, PipelineStagesTakeQueuedBatches) {
  Polls polls(spec_of({full(1), full(3)}, {remote_level(256, 0)}), 10,
              {pipeline_batch, pipeline_batch, pipeline_batch});
  EXPECT_THAT(polls.run(13),
              ElementsAre("2,0,10", "0,0,10>b0", "2,0,10>b0", "0,1,2054>b1", "0,2,4098>b2",
                          "0,3,6142", "2,1,9098>b1", "0,3,9098", "0,3,10142", "2,2,13142>b2",
                          "0,3,13142", "0,3,14186", "2,3,17186"));
}

TEST(DeviceProtocol, TheIdleClockWalksOrJumps) {
  DeviceSimulator sim(spec_of({full(1)}));
  EXPECT_EQ(sim.iteration(0), -1);
  sim.start(std::make_shared<const NpuGraph>(event_graph(0, Nanos{0})));
  EXPECT_TRUE(sim.finished(0));
  EXPECT_EQ(sim.iteration(0), 0);
  sim.step();
  EXPECT_EQ(sim.now(), Nanos{1'000'000});
  sim.advance_idle_to(Nanos{1'234'567});
  sim.advance_idle_to(Nanos{5});
  EXPECT_EQ(sim.now(), Nanos{1'234'567});
}

TEST(DeviceProtocol, ExposedCommunicationIsTimeWithoutCompute) {
  DeviceSimulator sim(spec_of({full(2)}));
  for (std::int32_t npu = 0; npu < 2; ++npu) {
    NpuProgram program(npu);
    program.collective(CollectiveKind::all_gather, 1, {}, {program.compute(300)});
    sim.start(program.done());
  }
  testing::run(sim);
  EXPECT_EQ(sim.now(), Nanos{820});
  EXPECT_EQ(sim.exposed_communication(0), Nanos{520});
}

}  // namespace
}  // namespace lockstep
