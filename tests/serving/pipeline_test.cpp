// Batches that several NPUs take, several at a time, and those without requests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "one_npu.hpp"

namespace lockstep::testing {
namespace {

using ::testing::ElementsAre;

TEST(Pipeline, FirstAndLastNpuBothReport) {
  OneNpu npu(100);
  npu.instance.tp = npu.instance.num_npus = 3;
  npu.instance.first_npu = 4;
  Scheduler& scheduler = npu.scheduler();
  scheduler.add_request(npu.requests.add(4, 2));
  EXPECT_EQ(scheduler.schedule(Nanos{0}, 6, 0), nullptr);
  Batch* batch = scheduler.schedule(Nanos{0}, 4, 0);
  EXPECT_TRUE(batch->taken_by_one());
  EXPECT_EQ(scheduler.schedule(Nanos{1}, 6, 0), batch);
  EXPECT_FALSE(batch->taken_by_one());
  EXPECT_EQ(scheduler.schedule(Nanos{1}, 6, 0), nullptr);  // it has it
  EXPECT_EQ(scheduler.schedule(Nanos{1}, 6, 1), nullptr);  // no such batch
  untake(*batch, 6);
  EXPECT_EQ(scheduler.schedule(Nanos{1}, 6, 0), batch);
  EXPECT_FALSE(scheduler.add_done(1, 5, Nanos{8}).batch_done);
  EXPECT_FALSE(scheduler.add_done(1, 4, Nanos{9}).batch_done);
  EXPECT_FALSE(scheduler.add_done(1, 4, Nanos{9}).batch_done);
  const Completion done = scheduler.add_done(1, 6, Nanos{10});
  EXPECT_TRUE(done.batch_done);
  EXPECT_EQ(done.generated_tokens, 1);
  EXPECT_EQ(scheduler.num_inflight(), 0U);
}

TEST(Pipeline, DummiesShareTheBatchNumbers) {
  OneNpu npu(100);
  Batch* dummy = npu.scheduler().open_dummy(Nanos{5});
  dummy->fired.push_back(0);
  EXPECT_EQ(dummy->id, 0);
  EXPECT_TRUE(dummy->dummy && dummy->taken_by_one());
  EXPECT_FALSE(npu.scheduler().empty());
  pad_batch(*dummy, 9);
  EXPECT_EQ(dummy->total_len, 9);
  EXPECT_EQ(dummy->num_decode, 9);
  EXPECT_EQ(dummy->padding, 8);
  EXPECT_TRUE(npu.finish(0, 10).batch_done);
  EXPECT_TRUE(npu.scheduler().empty());
  npu.scheduler().add_request(npu.requests.add(4, 2));
  const Batch* batch = npu.schedule(10);  // in the storage of the dummy
  EXPECT_EQ(batch->id, 1);
  EXPECT_FALSE(batch->dummy);
  EXPECT_EQ(batch->padding, 0);
}

TEST(Pipeline, APipelineCountsTokensWhenTheyAreScheduled) {
  OneNpu npu(100);
  npu.instance.pp = 2;
  Request& request = npu.requests.add(32, 4);
  npu.scheduler().add_request(request);
  EXPECT_EQ(text(npu.schedule(0)), "r0 16@0");
  EXPECT_EQ(text(npu.schedule(5)), "r0 16@16");
  EXPECT_EQ(npu.schedule(6), nullptr);  // the pipeline is full
  Completion done = npu.finish(0, 10);
  EXPECT_EQ(done.prompt_tokens, 16);
  EXPECT_EQ(done.generated_tokens, 1);
  EXPECT_EQ(text(npu.schedule(10)), "r0 1@32");
  done = npu.finish(1, 20);
  EXPECT_EQ(done.prompt_tokens, 16);
  EXPECT_EQ(done.generated_tokens, 1);
  EXPECT_EQ(text(npu.schedule(20)), "r0 1@33");
  npu.finish(2, 30);
  EXPECT_EQ(text(npu.schedule(30)), "r0 1@34");
  EXPECT_THAT(npu.finish(3, 40).ended, ElementsAre(&request));
  done = npu.finish(4, 50);
  EXPECT_TRUE(done.batch_done);
  EXPECT_EQ(done.generated_tokens, 0);
  EXPECT_EQ(request.queuing_delay.count(), 5);
  EXPECT_EQ(request.ttft.count(), 10);
  EXPECT_EQ(request.latency.count(), 40);
  EXPECT_EQ(request.tpot.count(), 10);
  EXPECT_TRUE(npu.scheduler().empty());
}

TEST(Pipeline, APipelineCountsTokensWhenTheirOwnBatchEnds) {
  FidelityPolicy policy;
  policy.tokens_count_when_scheduled = false;
  OneNpu npu(100, 16, false, policy);
  npu.instance.pp = 2;
  Request& request = npu.requests.add(32, 2);
  npu.scheduler().add_request(request);
  npu.schedule(0);
  npu.schedule(5);
  EXPECT_EQ(npu.finish(0, 10).generated_tokens, 0);
  EXPECT_EQ(npu.schedule(10), nullptr);  // its last prompt chunk is in flight
  EXPECT_EQ(npu.finish(1, 20).generated_tokens, 1);
  EXPECT_EQ(request.ttft.count(), 20);
  EXPECT_EQ(text(npu.schedule(20)), "r0 1@32");
  EXPECT_EQ(npu.finish(2, 30).ended.size(), 1U);
  EXPECT_TRUE(npu.scheduler().empty());
}

TEST(Pipeline, AnAbsorbedPreemptionInFlightGivesNoToken) {
  for (const bool scheduled : {true, false}) {
    FidelityPolicy policy;
    policy.tokens_count_when_scheduled = scheduled;
    OneNpu npu(4, 16, false, policy);
    npu.instance.pp = 2;
    Request& r0 = npu.requests.add(8, 8);
    Request& r1 = npu.requests.add(8, 2);
    npu.scheduler().add_request(r0);
    npu.schedule(0);
    npu.scheduler().add_request(r1);
    npu.schedule(1);  // r1's prompt
    npu.finish(0, 10);
    EXPECT_EQ(text(npu.schedule(10)), "r0 1@8");  // needs a third block: r1 goes, in flight
    EXPECT_EQ(r1.status, RequestStatus::preempted);
    const Completion done = npu.finish(1, 11);
    EXPECT_EQ(done.generated_tokens, 0);
    EXPECT_TRUE(r1.is_init);
    std::int64_t id = 2;
    for (std::int64_t now = 20; !npu.scheduler().empty() && now < 500; now += 10, ++id) {
      npu.finish(id, now);
      npu.schedule(now);
    }
    EXPECT_EQ(npu.scheduler().done().size(), 2U);
    EXPECT_EQ(r1.itl.size(), 1U);
    EXPECT_TRUE(npu.scheduler().kv().npu_pool().all_free());
  }
}

}  // namespace
}  // namespace lockstep::testing
