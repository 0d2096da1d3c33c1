// Stories of one instance: what each step computes, what is left waiting, when tokens appear.
#include "serving/scheduler.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "one_npu.hpp"

namespace lockstep::testing {
namespace {

using ::testing::ElementsAre;
using Ids = std::vector<BlockId>;

TEST(Scheduler, WaitingIsKeptByArrivalThenId) {
  OneNpu npu(100, 1);
  Request& a = npu.requests.add(1, 2, 50);
  Request& b = npu.requests.add(1, 2, 100);
  Request& c = npu.requests.add(1, 2, 100);
  npu.scheduler().add_request(c);
  npu.scheduler().add_request(b);
  npu.scheduler().add_request(a);
  EXPECT_EQ(npu.scheduler().num_waiting_arrived(Nanos{99}), 1U);
  EXPECT_EQ(npu.schedule(49), nullptr);
  EXPECT_EQ(text(npu.schedule(100)), "r0 1@0");
  npu.finish(0, 101);
  npu.instance.max_num_seqs = 0;
  EXPECT_EQ(text(npu.schedule(101)), "r0 1@1");
  npu.finish(1, 102);
  EXPECT_EQ(text(npu.schedule(102)), "r1 1@0");
}

TEST(Scheduler, AWithdrawnRequestIsNotTouchedAgain) {
  OneNpu npu(100);
  Request& gone = npu.requests.add(5, 3);
  npu.scheduler().add_request(gone);
  npu.scheduler().withdraw(gone);
  npu.scheduler().add_request(npu.requests.add(4, 2));
  EXPECT_EQ(text(npu.schedule(7)), "r1 4@0");
  EXPECT_EQ(gone.queued, Nanos{-1}) << "its owner may have deleted it";
}

TEST(Scheduler, PreemptsFromTheTailAndRecomputes) {
  OneNpu npu(5);
  npu.instance.max_num_seqs = 4;
  Request& r0 = npu.requests.add(8, 4);
  Request& r1 = npu.requests.add(8, 4);
  Request& r2 = npu.requests.add(4, 2, 5);
  npu.scheduler().add_request(r0);
  npu.scheduler().add_request(r1);

  EXPECT_EQ(text(npu.schedule(0)), "r0 8@0, r1 8@0");
  EXPECT_EQ(npu.table(r0), (Ids{0, 1}));
  EXPECT_EQ(npu.table(r1), (Ids{2, 3}));
  npu.scheduler().add_request(r2);
  Completion done = npu.finish(0, 10);
  EXPECT_EQ(done.prompt_tokens, 16);
  EXPECT_EQ(done.generated_tokens, 2);

  EXPECT_EQ(text(npu.schedule(10)), "r0 1@8");  // r1 needs a block too, and is the tail itself
  EXPECT_EQ(npu.table(r0), (Ids{0, 1, 4}));
  EXPECT_EQ(npu.free_list(), (Ids{3, 2}));
  EXPECT_EQ(r1.status, RequestStatus::preempted);
  EXPECT_EQ(npu.scheduler().num_waiting(), 2U);
  npu.finish(1, 20);
  EXPECT_EQ(text(npu.schedule(20)), "r0 1@9");
  npu.finish(2, 30);
  EXPECT_EQ(text(npu.schedule(30)), "r0 1@10");
  done = npu.finish(3, 40);
  EXPECT_THAT(done.ended, ElementsAre(&r0));
  EXPECT_EQ(npu.free_list(), (Ids{3, 2, 4, 1, 0}));

  EXPECT_EQ(text(npu.schedule(40)), "r1 9@0, r2 4@0");
  EXPECT_EQ(npu.table(r1), (Ids{3, 2, 4}));
  EXPECT_EQ(npu.table(r2), (Ids{1}));
  EXPECT_EQ(npu.scheduler().recompute_tokens(), 9);
  done = npu.finish(4, 50);
  EXPECT_EQ(done.prompt_tokens, 13);
  EXPECT_EQ(done.generated_tokens, 2);
  EXPECT_EQ(text(npu.schedule(50)), "r1 1@9, r2 1@4");
  npu.finish(5, 60);
  EXPECT_EQ(npu.free_list(), (Ids{0, 1}));
  EXPECT_EQ(text(npu.schedule(60)), "r1 1@10");
  npu.finish(6, 70);
  EXPECT_EQ(npu.free_list(), (Ids{0, 1, 4, 2, 3}));
  EXPECT_TRUE(npu.scheduler().empty());
  EXPECT_EQ(npu.scheduler().num_preemptions(), 1);

  const auto expect_times = [](const Request& r, std::int64_t end, std::int64_t queue,
                               std::int64_t ttft, std::int64_t tpot) {
    EXPECT_EQ(r.end_time.count(), end);
    EXPECT_EQ(r.latency.count(), end - r.arrival.count());
    EXPECT_EQ(r.queuing_delay.count(), queue);
    EXPECT_EQ(r.ttft.count(), ttft);
    EXPECT_EQ(r.tpot.count(), tpot);
  };
  expect_times(r0, 40, 0, 10, 10);
  expect_times(r1, 70, 0, 10, 20);
  expect_times(r2, 60, 35, 45, 10);
  EXPECT_THAT(counts(r0.itl), ElementsAre(10, 10, 10));
  EXPECT_THAT(counts(r1.itl), ElementsAre(40, 10, 10));
  EXPECT_THAT(counts(r2.itl), ElementsAre(10));
  EXPECT_THAT(npu.scheduler().done(), ElementsAre(&r0, &r2, &r1));
}

TEST(Scheduler, AResumedRequestFindsItsOwnBlocks) {
  OneNpu npu(5, 16, true);
  Request& r0 = npu.requests.add_with_ids(8, 4, 100);
  Request& r1 = npu.requests.add_with_ids(8, 4, 200);
  Request& r2 = npu.requests.add_with_ids(4, 2, 300, 5);
  npu.scheduler().add_request(r0);
  npu.scheduler().add_request(r1);
  npu.schedule(0);
  npu.scheduler().add_request(r2);
  for (std::int64_t id = 0; id < 4; ++id) {
    npu.finish(id, 10 * (id + 1));
    if (id < 3) {
      npu.schedule(10 * (id + 1));
    }
  }
  const Batch* batch = npu.schedule(40);
  EXPECT_EQ(text(batch), "r1 1@8, r2 4@0");
  EXPECT_EQ(batch->num_decode, 1);  // one token to recompute counts as a decode
  EXPECT_EQ(npu.table(r1), (Ids{2, 3, 4}));
  EXPECT_EQ(npu.table(r2), (Ids{1}));
  EXPECT_EQ(npu.scheduler().recompute_tokens(), 1);
  EXPECT_EQ(npu.finish(4, 50).prompt_tokens, 4);
  npu.schedule(50);
  npu.finish(5, 60);
  npu.schedule(60);
  npu.finish(6, 70);
  EXPECT_EQ(r1.end_time.count(), 70);
  EXPECT_EQ(npu.scheduler().kv().npu_stats(), (PrefixStats{20, 0}));
  EXPECT_EQ(npu.free_list(), (Ids{0, 1, 4, 3, 2}));
}

TEST(Scheduler, AChunkOfOneTokenIsTracedAsADecode) {
  OneNpu npu(100);
  Request& r0 = npu.requests.add(15, 2);
  Request& r1 = npu.requests.add(10, 2);
  npu.scheduler().add_request(r0);
  npu.scheduler().add_request(r1);
  const Batch* batch = npu.schedule(0);
  EXPECT_EQ(text(batch), "r0 15@0, r1 1@0");
  EXPECT_EQ(batch->num_prefill, 1);
  EXPECT_EQ(batch->num_decode, 1);
  Completion done = npu.finish(0, 10);
  EXPECT_EQ(done.prompt_tokens, 15);
  EXPECT_EQ(done.generated_tokens, 1);
  batch = npu.schedule(10);
  EXPECT_EQ(text(batch), "r0 1@15, r1 9@1");
  EXPECT_EQ(batch->total_len, 10);
  done = npu.finish(1, 20);
  EXPECT_EQ(done.prompt_tokens, 9);
  EXPECT_EQ(done.generated_tokens, 2);
  EXPECT_EQ(r1.queuing_delay.count(), 10);
  EXPECT_EQ(r1.ttft.count(), 20);
}

TEST(Scheduler, TheFirstChunkStampsTheQueueingDelayWhenAsked) {
  FidelityPolicy policy;
  policy.queuing_delay_of_last_chunk = false;
  OneNpu npu(100, 16, false, policy);
  Request& request = npu.requests.add(20, 2);
  npu.scheduler().add_request(request);
  npu.schedule(3);
  npu.finish(0, 10);
  npu.schedule(10);
  EXPECT_EQ(request.queuing_delay.count(), 3);
}

TEST(Scheduler, EqualPromptsInOneStepShareBlocks) {
  OneNpu npu(100, 64, true);
  Request& r0 = npu.requests.add_with_ids(12, 2, 0);
  Request& r1 = npu.requests.add_with_ids(12, 2, 0);
  npu.scheduler().add_request(r0);
  npu.scheduler().add_request(r1);
  EXPECT_EQ(text(npu.schedule(0)), "r0 12@0, r1 4@8");
  EXPECT_EQ(npu.table(r0), (Ids{0, 1, 2}));
  EXPECT_EQ(npu.table(r1), (Ids{0, 1, 3}));
  EXPECT_EQ(npu.finish(0, 10).prompt_tokens, 24);
  EXPECT_EQ(npu.scheduler().kv().npu_stats(), (PrefixStats{24, 8}));
}

TEST(Scheduler, SkippingThePrefillLeavesItsStampsUnset) {
  OneNpu npu(100);
  Request& request = npu.requests.add(8, 3);
  request.is_init = false;
  npu.scheduler().add_request(request);
  EXPECT_EQ(text(npu.schedule(0)), "r0 8@0");
  npu.finish(0, 10);
  EXPECT_EQ(text(npu.schedule(10)), "r0 1@8");
  npu.finish(1, 20);
  EXPECT_EQ(text(npu.schedule(20)), "r0 1@9");
  npu.finish(2, 30);
  EXPECT_EQ(request.queuing_delay.count(), -1);
  EXPECT_EQ(request.ttft.count(), -1);
  EXPECT_EQ(request.tpot.count(), 15);
  EXPECT_THAT(counts(request.itl), ElementsAre(10, 10, 10));
}

TEST(Scheduler, AThresholdSplitsPromptsEvenWithoutChunking) {
  OneNpu npu(100);
  npu.instance.long_prefill_token_threshold = 5;
  npu.instance.enable_chunked_prefill = false;
  npu.scheduler().add_request(npu.requests.add(12, 2));
  EXPECT_EQ(text(npu.schedule(0)), "r0 5@0");
  npu.finish(0, 10);
  EXPECT_EQ(text(npu.schedule(10)), "r0 5@5");
  npu.finish(1, 20);
  EXPECT_EQ(text(npu.schedule(20)), "r0 2@10");
}

TEST(Scheduler, TheBudgetIsCappedByTheContextLength) {
  OneNpu npu(100, 0);
  auto model = std::make_shared<ModelConfig>(*npu.instance.model);
  model->max_position_embeddings = 6;
  npu.instance.model = model;
  npu.scheduler().add_request(npu.requests.add(8, 1));
  EXPECT_EQ(text(npu.schedule(0)), "r0 6@0");
}

TEST(Scheduler, AtMostMaxNumSeqsRun) {
  OneNpu npu(100);
  npu.instance.max_num_seqs = 1;
  npu.scheduler().add_request(npu.requests.add(2, 1));
  npu.scheduler().add_request(npu.requests.add(2, 1));
  EXPECT_EQ(text(npu.schedule(0)), "r0 2@0");
  npu.finish(0, 10);
  EXPECT_EQ(text(npu.schedule(10)), "r1 2@0");
}

TEST(Scheduler, OneOutputTokenEndsAtTheFirst) {
  OneNpu npu(100);
  Request& request = npu.requests.add(4, 1);
  npu.scheduler().add_request(request);
  npu.schedule(0);
  EXPECT_EQ(npu.finish(0, 7).ended.size(), 1U);
  EXPECT_EQ(request.ttft, request.latency);
  EXPECT_EQ(request.tpot.count(), 0);
  EXPECT_TRUE(request.itl.empty());
}

class Recorder : public SchedulerObserver {
public:
  void on_preempt(const Request& r) override { log.push_back(fmt::format("out {}", r.id)); }
  void on_resume(const Request& r, std::int64_t recovered, std::int64_t total) override {
    log.push_back(fmt::format("in {}: {} of {}", r.id, recovered, total));
  }
  void on_request_done(const Request& r) override { log.push_back(fmt::format("end {}", r.id)); }
  std::vector<std::string> log;
};

TEST(Scheduler, TellsItsObserver) {
  const Instance instance = tiny_instance();
  Requests requests;
  Recorder recorder;
  Scheduler scheduler(instance, FidelityPolicy::reference(), make_kv(instance, 5), &recorder);
  scheduler.add_request(requests.add_with_ids(8, 3, 0));
  scheduler.add_request(requests.add_with_ids(8, 3, 50));
  for (std::int64_t step = 0; !scheduler.empty(); ++step) {
    const Batch* batch = schedule(scheduler, step);
    ASSERT_NE(batch, nullptr);
    finish(scheduler, batch->id, step + 1);
  }
  EXPECT_THAT(recorder.log, ElementsAre("out 1", "end 0", "in 1: 8 of 9", "end 1"));
}

/// It waited no longer than until its first tokens were scheduled, be that at once.
TEST(Scheduler, QueuingEndsWithTheFirstChunk) {
  OneNpu npu(100, 4, false, FidelityPolicy::for_mode(Fidelity::vllm));
  Request& request = npu.requests.add(8, 1);
  npu.scheduler().add_request(request);
  EXPECT_EQ(text(npu.schedule(0)), "r0 4@0");
  npu.finish(0, 10);
  EXPECT_EQ(text(npu.schedule(10)), "r0 4@4");
  EXPECT_EQ(request.queuing_delay, Nanos{0});
}

}  // namespace
}  // namespace lockstep::testing
