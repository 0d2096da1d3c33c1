// States from which nothing can move end the run at once, with a text that says who waits for what.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/error.hpp"
#include "engine/device_fixture.hpp"
#include "engine/system_fixture.hpp"

namespace lockstep {
namespace {

using ::testing::AllOf;
using testing::Calls;
using testing::full;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::NpuProgram;
using testing::Replica;
using testing::run_toy;
using testing::spec_of;
using testing::ToyCluster;

/// What a run that has to be refused says.
std::string refusal(const ToyCluster& toy, const Calls& calls, const RunOptions& options) {
  try {
    run_toy(toy, calls, options);
  } catch (const UserError& error) {
    EXPECT_FALSE(error.mend().empty());
    return error.problem();
  } catch (const std::exception& error) {
    return std::string("not a user error: ") + error.what();
  }
  return "the run ended";
}

RunOptions without_chunks(std::int64_t budget) {
  RunOptions options = testing::round_robin();
  options.enable_chunked_prefill = false;
  options.max_num_batched_tokens = budget;
  return options;
}

TEST(Stuck, APromptBeyondTheStepWithoutChunkedPrefill) {
  for (const Fidelity fidelity : {Fidelity::reference, Fidelity::vllm}) {
    RunOptions options = without_chunks(64);
    options.fidelity = fidelity;
    Calls calls;
    calls.add(0, 100, 4);
    EXPECT_THAT(refusal({}, calls, options), AllOf(HasSubstr("instance 0"), HasSubstr("64")));
  }
}

TEST(Stuck, APromptBeyondTheStepBehindOthersThatAreServed) {
  Calls calls;
  calls.add(0, 20, 4).add(0, 100, 4).add(10, 20, 4);
  EXPECT_THAT(refusal({}, calls, without_chunks(64)), HasSubstr("request 1"));
}

TEST(Stuck, AMemberOfAGroupThatCannotGoOnIsNamed) {
  Replica replica;
  replica.model = "toy/moe";
  replica.ep = 2;
  replica.group = "A";
  Calls calls;
  calls.add(0, 20, 4).add(0, 100, 4);
  EXPECT_THAT(refusal({2, replica}, calls, without_chunks(64)), HasSubstr("instance 1"));
}

/// The larger instance could hold it. The smaller one takes it in chunks, has no room for the
/// tokens proposed behind its last ones, and would begin anew for ever.
TEST(Stuck, ARequestSentWhereItOutgrowsThePool) {
  for (const Fidelity fidelity : {Fidelity::reference, Fidelity::vllm}) {
    for (const bool reserve : {true, false}) {
      Replica small;
      small.more = R"("num_gpu_blocks":44,"block_size":1)";
      ToyCluster toy;
      toy.replicas = {small, Replica{}};
      RunOptions options = testing::round_robin();
      options.fidelity = fidelity;
      options.reserve_full_isl = reserve;
      options.long_prefill_token_threshold = 5;
      options.features.speculation = {2, 0.6, 0, 42};
      Calls calls;
      calls.add(0, 29, 15);
      EXPECT_THAT(refusal(toy, calls, options),
                  AllOf(HasSubstr("nothing can move"), HasSubstr("instance 0: request 0"),
                        HasSubstr("45 tokens"), HasSubstr("44 blocks")));
    }
  }
}

TEST(Stuck, ARequestBeyondThePoolIsRefusedBeforeTheRun) {
  for (const bool reserve : {true, false}) {
    RunOptions options = testing::round_robin();
    options.reserve_full_isl = reserve;
    Replica replica;
    replica.mem_size = 0.012;  // the toy's weights, and room for some hundred tokens
    Calls calls;
    calls.add(0, 20, 4).add(0, 3900, 4);
    EXPECT_THAT(refusal({1, replica}, calls, options),
                AllOf(HasSubstr("request 1"), HasSubstr("3903 tokens")));
  }
}

TEST(Stuck, TokensThatGrowBeyondThePoolAreRefusedToo) {
  RunOptions options = testing::round_robin();
  options.reserve_full_isl = false;
  Replica replica;
  replica.mem_size = 0.012;
  Calls calls;
  calls.add(0, 20, 3900);
  EXPECT_THAT(refusal({1, replica}, calls, options), HasSubstr("3919 tokens"));
}

/// Steps to the end of all events and tells who waits.
std::string waits_after(DeviceSimulator& sim) {
  for (int steps = 0; sim.busy(); ++steps) {
    if (steps > 10'000) {
      return "the device does not come to rest";
    }
    sim.step();
  }
  return sim.describe_waits();
}

constexpr CollectiveKind kReduce = CollectiveKind::all_reduce;

TEST(Stuck, AnNpuThatMissesACollective) {
  DeviceSimulator sim(spec_of({full(4)}));
  for (std::int32_t npu = 0; npu < 4; ++npu) {
    NpuProgram program(npu);
    const auto compute = program.compute(100);
    if (npu != 2) {
      program.collective(kReduce, 4096, {}, {compute});
    }
    sim.start(program.done());
  }
  EXPECT_THAT(waits_after(sim),
              AllOf(HasSubstr("NPU 3 waits in ALLREDUCE"), HasSubstr("4096 B"),
                    HasSubstr("NPU 2, which has finished"), Not(HasSubstr("NPU 2 waits"))));
  EXPECT_TRUE(sim.finished(2));
  EXPECT_FALSE(sim.finished(3));
}

TEST(Stuck, ACollectiveOfTwoSizes) {
  DeviceSimulator sim(spec_of({full(2)}));
  for (std::int32_t npu = 0; npu < 2; ++npu) {
    NpuProgram program(npu);
    program.collective(kReduce, npu == 0 ? 4096 : 8192);
    sim.start(program.done());
  }
  EXPECT_THAT(waits_after(sim), AllOf(HasSubstr("NPU 0 waits in ALLREDUCE"), HasSubstr("4096 B"),
                                      HasSubstr("NPU 1 waits in ALLREDUCE"), HasSubstr("8192 B"),
                                      HasSubstr("are expected")));
}

TEST(Stuck, AMessageOfAnotherSize) {
  DeviceSimulator sim(spec_of({full(2)}));
  NpuProgram sender(0);
  sender.send(1, 512, 7);
  NpuProgram receiver(1);
  receiver.compute(50, {receiver.recv(0, 1024, 7)});
  sim.start(sender.done());
  sim.start(receiver.done());
  EXPECT_THAT(waits_after(sim),
              AllOf(HasSubstr("NPU 1 waits for a message (1024 B, tag 7) from NPU 0"),
                    HasSubstr("which sent 512 B where 1024 B are expected")));
}

TEST(Stuck, AMessageThatNobodySends) {
  DeviceSimulator sim(spec_of({full(2)}));
  NpuProgram receiver(1);
  receiver.recv(0, 1024, 3);
  sim.start(receiver.done());
  EXPECT_THAT(waits_after(sim), HasSubstr("NPU 1 waits for a message (1024 B, tag 3) from NPU 0"));
}

TEST(Stuck, TwoCollectivesInOppositeOrder) {
  DeviceSimulator sim(spec_of({full(2)}));
  for (std::int32_t npu = 0; npu < 2; ++npu) {
    NpuProgram program(npu);
    const auto first = program.collective(npu == 0 ? kReduce : CollectiveKind::all_gather, 4096);
    program.collective(npu == 0 ? CollectiveKind::all_gather : kReduce, 4096, {}, {first});
    sim.start(program.done());
  }
  const std::string waits = waits_after(sim);
  // Both rings may match by chance in their first message only; neither NPU may get through.
  EXPECT_THAT(waits, HasSubstr("waits in"));
  EXPECT_FALSE(sim.finished(0) && sim.finished(1));
}

}  // namespace
}  // namespace lockstep
