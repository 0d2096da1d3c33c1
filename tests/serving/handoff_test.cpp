// Requests whose prompt one instance computes and whose tokens another one generates.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "small_cluster.hpp"

namespace lockstep::testing {
namespace {

using ::testing::ElementsAre;

// Prefill on instance 0 (NPU 0, receiver 1), decode on instance 1 (NPU 2).
struct Pair : SmallCluster {
  explicit Pair(FidelityPolicy rules = FidelityPolicy::reference(), std::int64_t blocks = 100)
      : SmallCluster({PdType::prefill, PdType::decode}) {
    policy = rules;
    rebuild(blocks);
  }
  /// New schedulers, after a change of the instances.
  void rebuild(std::int64_t blocks) {
    for (std::size_t i = 0; i < 2; ++i) {
      owned[i] = std::make_unique<Scheduler>(instances[i], policy,
                                             make_kv(instances[i], blocks, nullptr, policy));
      schedulers[i] = owned[i].get();
    }
  }
  Scheduler& prefill() { return *schedulers[0]; }
  Scheduler& decode() { return *schedulers[1]; }
  /// Batch `id` on the prefill instance; what ended is handed over.
  Completion finish_prefill(std::int64_t id, std::int64_t now) {
    EXPECT_FALSE(prefill().add_done(id + 1, 0, Nanos{now}).batch_done);
    Completion done = prefill().add_done(id + 1, 1, Nanos{now});
    for (Request* request : done.ended) {
      if (needs_handoff(*request)) {
        decode().add_decode(*request);
      }
    }
    return done;
  }
};

TEST(HandOff, DecodeStartsBehindThePrompt) {
  Pair pair;
  Requests requests;
  Request& request = requests.add(8, 3);
  pair.prefill().add_request(request);
  Batch* batch = schedule(pair.prefill(), 0);
  EXPECT_EQ(batch->pd_kv_send_tokens, 8);
  Completion done = pair.finish_prefill(0, 10);
  EXPECT_EQ(done.prompt_tokens, 8);
  EXPECT_EQ(done.generated_tokens, 0);
  EXPECT_TRUE(pair.prefill().empty());
  EXPECT_TRUE(pair.prefill().done().empty());
  EXPECT_TRUE(pair.prefill().kv().npu_pool().all_free());
  EXPECT_EQ(request.instance, 1);
  EXPECT_EQ(pair.decode().num_running(), 1U);
  EXPECT_EQ(text(schedule(pair.decode(), 10)), "r0 1@8");
  EXPECT_EQ(finish(pair.decode(), 0, 20).generated_tokens, 1);
  EXPECT_EQ(text(schedule(pair.decode(), 20)), "r0 1@9");
  EXPECT_THAT(finish(pair.decode(), 1, 30).ended, ElementsAre(&request));
  EXPECT_EQ(request.ttft.count(), 10);
  EXPECT_THAT(counts(request.itl), ElementsAre(10, 10));
}

TEST(HandOff, OneOutputTokenStillTakesADecodeStep) {
  Pair pair;
  Requests requests;
  Request& request = requests.add(8, 1);
  pair.prefill().add_request(request);
  schedule(pair.prefill(), 0);
  pair.finish_prefill(0, 10);
  schedule(pair.decode(), 10);
  EXPECT_EQ(finish(pair.decode(), 0, 20).generated_tokens, 1);
  EXPECT_EQ(request.tpot.count(), 0);
  EXPECT_THAT(counts(request.itl), ElementsAre(10));
}

TEST(HandOff, OrEndsOnThePrefillInstanceWhenAsked) {
  FidelityPolicy policy;
  policy.extra_decode_step_after_handoff = false;
  Pair pair(policy);
  Requests requests;
  Request& one = requests.add(8, 1);
  Request& two = requests.add(8, 2);
  pair.prefill().add_request(one);
  pair.prefill().add_request(two);
  schedule(pair.prefill(), 0);
  const Completion done = pair.finish_prefill(0, 10);
  EXPECT_EQ(done.generated_tokens, 2);
  EXPECT_THAT(done.ended, ElementsAre(&one, &two));
  EXPECT_FALSE(needs_handoff(one));
  EXPECT_EQ(one.latency.count(), 10);
  EXPECT_THAT(pair.prefill().done(), ElementsAre(&one));
  EXPECT_EQ(pair.decode().num_running(), 1U);
  schedule(pair.decode(), 10);
  EXPECT_EQ(finish(pair.decode(), 0, 20).generated_tokens, 1);
}

/// Two equal prompts of 10 tokens, block 4, one after the other.
std::int64_t sent_for_second(bool leaves_out_hits) {
  FidelityPolicy policy;
  policy.handoff_leaves_out_hits = leaves_out_hits;
  Pair pair(policy);
  Requests requests;
  std::int64_t sent = 0;
  for (std::int64_t id = 0; id < 2; ++id) {
    pair.prefill().add_request(requests.add_with_ids(10, 2, 0));
    sent = schedule(pair.prefill(), id)->pd_kv_send_tokens;
    pair.finish_prefill(id, id + 1);
  }
  return sent;
}

TEST(HandOff, TheMessageLeavesOutPrefixHits) {
  EXPECT_EQ(sent_for_second(true), 2);
  EXPECT_EQ(sent_for_second(false), 10);
}

/// Blocks held by the second of two equal prompts of 10 tokens after its hand-off.
std::size_t held_by_second(bool over_reserves) {
  FidelityPolicy policy;
  policy.decode_over_reserves_hits = over_reserves;
  Pair pair(policy);
  Requests requests;
  const Request* last = nullptr;
  for (std::int64_t id = 0; id < 2; ++id) {
    Request& request = requests.add_with_ids(10, 2, 0);
    pair.prefill().add_request(request);
    schedule(pair.prefill(), id);
    pair.finish_prefill(id, id + 1);
    last = &request;
  }
  return pair.decode().kv().block_table(*last).size();
}

TEST(HandOff, TheDecodeInstanceReservesHitsOnTop) {
  EXPECT_EQ(held_by_second(true), 5U);  // 10 + 8 hit + 1
  EXPECT_EQ(held_by_second(false), 3U);
}

TEST(HandOff, WaitsForAFullDecodeInstance) {
  Pair pair(FidelityPolicy::reference(), 3);
  Requests requests;
  for (std::int64_t id = 0; id < 2; ++id) {
    pair.prefill().add_request(requests.add(8, 3));
  }
  schedule(pair.prefill(), 0);
  pair.finish_prefill(0, 10);
  schedule(pair.prefill(), 10);
  pair.finish_prefill(1, 20);  // 9 tokens need 3 blocks, and the first request holds all 3
  EXPECT_EQ(pair.decode().num_running(), 1U);
  EXPECT_EQ(pair.decode().num_waiting(), 1U);
  EXPECT_FALSE(pair.decode().empty());
}

// With prefix caching the later chunk changes nothing any more; without, it counts one token.
TEST(HandOff, KeepsALaterChunkInThePrefillPipelineHarmless) {
  for (const bool caching : {true, false}) {
    Pair pair;
    pair.instances[0].pp = 2;
    pair.instances[0].max_num_batched_tokens = 8;
    pair.instances[0].enable_prefix_caching = caching;
    pair.rebuild(100);
    Requests requests;
    Request& request = requests.add_with_ids(16, 3, 0);
    pair.prefill().add_request(request);
    EXPECT_EQ(text(schedule(pair.prefill(), 0)), "r0 8@0");
    EXPECT_EQ(text(schedule(pair.prefill(), 5)), "r0 8@8");
    EXPECT_EQ(pair.finish_prefill(0, 10).ended.size(), 1U);
    schedule(pair.decode(), 10);
    const Completion later = pair.finish_prefill(1, 15);
    EXPECT_TRUE(later.batch_done);
    EXPECT_EQ(later.prompt_tokens, 8);
    EXPECT_EQ(later.generated_tokens, caching ? 0 : 1);
    EXPECT_EQ(later.advanced_elsewhere.size(), caching ? 0U : 1U);
    EXPECT_TRUE(later.ended.empty());
    pair.decode().wake();
    finish(pair.decode(), 0, 20);
    schedule(pair.decode(), 20);
    EXPECT_THAT(finish(pair.decode(), 1, 30).ended, ElementsAre(&request));
    EXPECT_TRUE(pair.prefill().empty());
    EXPECT_TRUE(pair.prefill().kv().npu_pool().all_free());
  }
}

// The last token is the owner's: only its step may end the request.
TEST(HandOff, ALaterChunkDoesNotBringTheLastToken) {
  Pair pair;
  pair.instances[0].pp = 2;
  pair.instances[0].max_num_batched_tokens = 8;
  pair.instances[0].enable_prefix_caching = false;
  pair.rebuild(100);
  Requests requests;
  Request& request = requests.add_with_ids(16, 2, 0);
  pair.prefill().add_request(request);
  schedule(pair.prefill(), 0);
  schedule(pair.prefill(), 5);
  pair.finish_prefill(0, 10);
  schedule(pair.decode(), 10);
  const Completion later = pair.finish_prefill(1, 15);
  EXPECT_EQ(later.generated_tokens, 0);
  EXPECT_TRUE(later.advanced_elsewhere.empty());
  EXPECT_THAT(finish(pair.decode(), 0, 20).ended, ElementsAre(&request));
  EXPECT_THAT(counts(request.itl), ElementsAre(10));
}

TEST(HandOff, AsAWholeNothingLeavesBeforeTheLastChunk) {
  Pair pair;
  pair.instances[0].kv_transfer = KvTransfer::whole;
  pair.instances[0].max_num_batched_tokens = 4;
  pair.rebuild(100);
  Requests requests;
  pair.prefill().add_request(requests.add(8, 2));
  const Batch* first = schedule(pair.prefill(), 0);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->pd_kv_send_tokens, 0);
  pair.finish_prefill(first->id, 1);
  const Batch* last = schedule(pair.prefill(), 1);
  ASSERT_NE(last, nullptr);
  EXPECT_EQ(last->pd_kv_send_tokens, 8);
}

}  // namespace
}  // namespace lockstep::testing
