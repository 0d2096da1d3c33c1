// Asynchronous scheduling: a batch is put together while the one before it runs and counts on its
// tokens.
#include <gtest/gtest.h>

#include "one_npu.hpp"

namespace lockstep {
namespace {

using testing::OneNpu;

struct Ahead : OneNpu {
  explicit Ahead(std::int64_t num_blocks, std::int64_t budget = 16)
      : OneNpu(num_blocks, budget, false, FidelityPolicy::for_mode(Fidelity::vllm)) {
    instance.terms.async_scheduling = true;
  }
  Batch* compose(std::int64_t now) { return scheduler().compose(Nanos{now}); }
};

TEST(AsyncSchedule, TheNextStepCountsOnTheTokenOfTheRunningOne) {
  Ahead npu(100);
  Request& request = npu.requests.add(5, 3);
  npu.scheduler().add_request(request);
  const Batch* prompt = npu.compose(0);
  ASSERT_NE(prompt, nullptr);
  EXPECT_EQ(prompt->total_len, 5);
  const Batch* decode = npu.compose(0);
  ASSERT_NE(decode, nullptr);
  ASSERT_EQ(decode->entries.size(), 1U);
  EXPECT_EQ(decode->entries[0].tokens, 1);
  EXPECT_EQ(decode->entries[0].computed_before, 5);
  EXPECT_EQ(npu.compose(0), nullptr) << "two are in flight";
}

TEST(AsyncSchedule, ARequestIsNotScheduledBeyondItsLastToken) {
  Ahead npu(100);
  Request& request = npu.requests.add(5, 2);
  npu.scheduler().add_request(request);
  const std::int64_t prompt = npu.compose(0)->id;
  const std::int64_t decode = npu.compose(0)->id;
  EXPECT_EQ(npu.finish(prompt, 10).generated_tokens, 1);
  EXPECT_EQ(npu.compose(10), nullptr) << "its second and last token is on its way";
  EXPECT_FALSE(npu.scheduler().empty());
  const Completion done = npu.finish(decode, 20);
  EXPECT_EQ(done.generated_tokens, 1);
  ASSERT_EQ(done.ended.size(), 1U);
  EXPECT_EQ(request.end_time, Nanos{20});
  EXPECT_TRUE(npu.scheduler().empty());
}

TEST(AsyncSchedule, ASlotIsFreeWhenTheLastTokenIsThereAndNotBefore) {
  Ahead npu(100);
  npu.instance.max_num_seqs = 1;
  npu.scheduler().add_request(npu.requests.add(5, 2));
  Request& second = npu.requests.add(4, 2);
  npu.scheduler().add_request(second);
  const std::int64_t prompt = npu.compose(0)->id;
  const std::int64_t decode = npu.compose(0)->id;
  npu.finish(prompt, 10);
  EXPECT_EQ(npu.compose(10), nullptr);
  npu.finish(decode, 20);
  const Batch* next = npu.compose(20);
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(next->entries[0].request, &second);
}

TEST(AsyncSchedule, ArrivalsAreTakenInWhenAStepIsPutTogether) {
  Ahead npu(100);
  Request& first = npu.requests.add(5, 4);
  npu.scheduler().add_request(first);
  const std::int64_t prompt = npu.compose(0)->id;
  npu.compose(0);
  Request& late = npu.requests.add(4, 2);
  late.arrival = Nanos{3};
  npu.scheduler().add_request(late);
  EXPECT_EQ(late.queued, Nanos{-1});
  npu.finish(prompt, 10);
  const Batch* third = npu.compose(10);
  ASSERT_NE(third, nullptr);
  EXPECT_EQ(first.queued, Nanos{0});
  EXPECT_EQ(late.queued, Nanos{10});
  EXPECT_EQ(third->entries.size(), 2U);
  EXPECT_EQ(late.queuing_delay, Nanos{7});
}

TEST(AsyncSchedule, ThePreemptedKeepTheTokenOfTheStepInFlight) {
  // Blocks of 4: two prompts of 4 tokens fill both; the first decode of one takes a third.
  Ahead npu(3);
  npu.instance.reserve_full_isl = false;
  npu.instance.block_size = 4;
  Request& first = npu.requests.add(4, 6);
  Request& second = npu.requests.add(4, 6);
  npu.scheduler().add_request(first);
  npu.scheduler().add_request(second);
  const std::int64_t prompts = npu.compose(0)->id;
  const Batch* decode = npu.compose(0);
  ASSERT_NE(decode, nullptr);
  EXPECT_EQ(npu.scheduler().num_preemptions(), 1);
  EXPECT_EQ(second.num_computed, 0);
  EXPECT_EQ(npu.finish(prompts, 10).generated_tokens, 2);
  EXPECT_EQ(second.num_tokens, 5) << "the first token was drawn before the blocks were given away";
  EXPECT_EQ(second.ttft, Nanos{10});
}

}  // namespace
}  // namespace lockstep
