// Stories of one instance: what each step computes, what is left waiting, when tokens appear.
#include "serving/scheduler.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "serving_fixture.hpp"

namespace lockstep::testing {
namespace {

using ::testing::ElementsAre;
using Ids = std::vector<BlockId>;

struct OneNpu {
  explicit OneNpu(std::int64_t num_blocks, std::int64_t budget = 16, bool caching = false,
                  FidelityPolicy rules = FidelityPolicy::reference())
      : policy(rules) {
    instance = tiny_instance();
    instance.max_num_batched_tokens = budget;
    instance.enable_prefix_caching = caching;
    blocks = num_blocks;
  }
  Scheduler& scheduler() {
    if (!made) {
      made =
          std::make_unique<Scheduler>(instance, policy, make_kv(instance, blocks, lower, policy));
    }
    return *made;
  }
  Batch* schedule(std::int64_t now) { return testing::schedule(scheduler(), now); }
  Completion finish(std::int64_t id, std::int64_t now) {
    return testing::finish(scheduler(), id, now);
  }
  Ids table(const Request& request) { return scheduler().kv().block_table(request); }
  Ids free_list() { return scheduler().kv().npu_pool().free_list(); }

  Instance instance;
  FidelityPolicy policy;
  std::int64_t blocks;
  std::shared_ptr<PrefixPool> lower;
  std::unique_ptr<Scheduler> made;
  Requests requests;
};

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
  EXPECT_EQ(batch->kv_len, 0);
  Completion done = npu.finish(0, 10);
  EXPECT_EQ(done.prompt_tokens, 15);
  EXPECT_EQ(done.generated_tokens, 1);
  batch = npu.schedule(10);
  EXPECT_EQ(text(batch), "r0 1@15, r1 9@1");
  EXPECT_EQ(batch->kv_len, 15);
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

TEST(Scheduler, FirstAndLastNpuBothReport) {
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

TEST(Scheduler, DummiesShareTheBatchNumbers) {
  OneNpu npu(100);
  Batch* dummy = npu.scheduler().open_dummy(Nanos{5}, 0);
  EXPECT_EQ(dummy->id, 0);
  EXPECT_TRUE(dummy->dummy && dummy->taken_by_one());
  EXPECT_FALSE(npu.scheduler().empty());
  pad_batch(*dummy, 9);
  EXPECT_EQ(dummy->total_len, 9);
  EXPECT_EQ(dummy->kv_len, 9);
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

TEST(Scheduler, APipelineCountsTokensWhenTheyAreScheduled) {
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

TEST(Scheduler, APipelineCountsTokensWhenTheirOwnBatchEnds) {
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

TEST(Scheduler, AnAbsorbedPreemptionInFlightGivesNoToken) {
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

TEST(Scheduler, SaysWhyTheQueueCanNeverMove) {
  OneNpu large(4);
  large.scheduler().add_request(large.requests.add(17, 1));
  EXPECT_EQ(large.schedule(0), nullptr);
  EXPECT_THAT(large.scheduler().blocked_reason(Nanos{0}).value_or(""),
              ::testing::AllOf(::testing::HasSubstr("request 0 needs 17 tokens"),
                               ::testing::HasSubstr("4 blocks")));

  OneNpu unsplit(100);
  unsplit.instance.enable_chunked_prefill = false;
  unsplit.scheduler().add_request(unsplit.requests.add(17, 1));
  EXPECT_EQ(unsplit.schedule(0), nullptr);
  EXPECT_THAT(unsplit.scheduler().blocked_reason(Nanos{0}).value_or(""),
              ::testing::HasSubstr("chunked prefill is off"));

  OneNpu fine(100);
  EXPECT_FALSE(fine.scheduler().blocked_reason(Nanos{0}));
  fine.scheduler().add_request(fine.requests.add(17, 1, 5));
  EXPECT_FALSE(fine.scheduler().blocked_reason(Nanos{0}));
  fine.schedule(5);
  EXPECT_FALSE(fine.scheduler().blocked_reason(Nanos{5}));
}

TEST(Scheduler, SaysWhenARequestGrowsPastThePool) {
  for (const bool reserve : {true, false}) {
    OneNpu npu(4);
    npu.instance.reserve_full_isl = reserve;
    npu.scheduler().add_request(npu.requests.add(14, 20));
    std::optional<std::string> reason;
    for (std::int64_t step = 0; step < 100 && !reason; ++step) {
      const Batch* batch = npu.schedule(step);
      if (batch == nullptr) {
        reason = npu.scheduler().blocked_reason(Nanos{step});
      } else {
        npu.finish(batch->id, step + 1);
      }
    }
    EXPECT_THAT(reason.value_or(""), ::testing::HasSubstr("request 0 needs"));
  }
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

}  // namespace
}  // namespace lockstep::testing
