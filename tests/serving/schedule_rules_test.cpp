// Rules of the schedule and of the caches, each mended alone beside the reference's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "one_rule.hpp"
#include "serving/router.hpp"
#include "serving_fixture.hpp"

namespace lockstep::testing {
namespace {

using ::testing::ElementsAre;

RunOptions skipping() {
  RunOptions options;
  options.skip_prefill = true;
  return options;
}

/// What --skip-prefill makes of a prompt of 8 and 3 tokens of output, a step each 10 ns.
struct Skipped {
  explicit Skipped(const FidelityPolicy& policy) {
    const Instance instance = tiny_instance();
    Scheduler scheduler(instance, policy, make_kv(instance, 10));
    Router router({&scheduler}, RoutingPolicy::load);
    Workload workload;
    WorkloadRequest& source = workload.requests.emplace_back();
    source.input_toks = 8;
    source.output_toks = 3;
    router.load(workload, prompts_of(skipping(), policy));
    router.route_arrived(Nanos{0});
    for (std::int64_t step = 0; !scheduler.empty() && step < 5; ++step) {
      steps.push_back(text(schedule(scheduler, 10 * step)));
      finish(scheduler, step, 10 * step + 10);
    }
    request = *scheduler.done().at(0);
    request.source = nullptr;
  }
  std::vector<std::string> steps;
  Request request;
};

TEST(ScheduleRules, APromptInPlaceIsNotComputed) {
  const Skipped reference(FidelityPolicy::reference());
  EXPECT_THAT(reference.steps, ElementsAre("r0 8@0", "r0 1@8", "r0 1@9"));
  EXPECT_EQ(reference.request.ttft, Nanos{-1});
  EXPECT_THAT(counts(reference.request.itl), ElementsAre(10, 10, 10));

  const Skipped other(mended(&FidelityPolicy::skip_prefill_computes_prompt));
  EXPECT_THAT(other.steps, ElementsAre("r0 1@7", "r0 1@8", "r0 1@9"));
  EXPECT_EQ(other.request.ttft, Nanos{10});
  EXPECT_EQ(other.request.queuing_delay, Nanos{0});
  EXPECT_THAT(counts(other.request.itl), ElementsAre(10, 10));
}

TEST(ScheduleRules, WhatComesWithItsPromptNeedsItsRoom) {
  const Instance instance = tiny_instance();
  const FidelityPolicy policy = mended(&FidelityPolicy::skip_prefill_computes_prompt);
  Scheduler scheduler(instance, policy, make_kv(instance, 3));
  Requests requests;
  for (int i = 0; i < 2; ++i) {
    Request& request = requests.add(8, 3);
    request.prompt_in_place = true;
    scheduler.add_request(request);
  }
  EXPECT_EQ(text(schedule(scheduler, 0)), "r0 1@7");  // the other waits for blocks
  EXPECT_EQ(scheduler.kv().npu_pool().num_free(), 1);
}

/// Tokens of the prompts 15 and 10 that count, in steps of 16.
std::int64_t counted(const FidelityPolicy& policy) {
  Instance instance = tiny_instance();
  instance.max_num_batched_tokens = 16;
  Scheduler scheduler(instance, policy, make_kv(instance, 20));
  Requests requests;
  scheduler.add_request(requests.add(15, 2));
  scheduler.add_request(requests.add(10, 2));
  std::int64_t sum = 0;
  for (std::int64_t step = 0; !scheduler.empty() && step < 5; ++step) {
    schedule(scheduler, 10 * step);
    sum += finish(scheduler, step, 10 * step + 10).prompt_tokens;
  }
  return sum;
}

TEST(ScheduleRules, ChunksOfOneTokenCount) {
  EXPECT_EQ(counted(FidelityPolicy::reference()), 24);
  EXPECT_EQ(counted(mended(&FidelityPolicy::one_token_chunks_uncounted)), 25);
}

/// Blocks of 16 that a decode instance holds for a prompt of 40 of which it knows 32.
std::int64_t held(const FidelityPolicy& policy) {
  Instance instance = tiny_instance();
  instance.block_size = 16;
  instance.pd = PdType::decode;
  Scheduler scheduler(instance, policy, make_kv(instance, 20));
  Requests requests;
  std::int64_t before = 0;
  for (int i = 0; i < 2; ++i) {
    Request& request = requests.add_with_ids(40, 3, 100);
    request.is_init = false;
    request.num_computed = 40;
    request.num_tokens = 41;
    before = scheduler.kv().npu_pool().num_free();
    scheduler.add_decode(request);
    schedule(scheduler, 10 * i);
    if (i == 0) {
      for (std::int64_t step = 0; !scheduler.empty() && step < 5; ++step) {
        finish(scheduler, step, 10 * step + 10);
        schedule(scheduler, 10 * step + 10);
      }
      before = scheduler.kv().npu_pool().num_free();
    }
  }
  return before - scheduler.kv().npu_pool().num_free();
}

TEST(ScheduleRules, ADecodeInstanceReservesWhatItNeeds) {
  EXPECT_EQ(held(FidelityPolicy::reference()), 5);
  EXPECT_EQ(held(mended(&FidelityPolicy::decode_over_reserves_hits)), 3);
}

/// Chunks of the own lower tiers of two instances of a node with 1 GiB.
std::vector<std::int64_t> chunks(const FidelityPolicy& policy) {
  Cluster cluster;
  cluster.nodes.emplace_back().cpu_mem.size_gb = 1;
  for (std::int32_t i = 0; i < 2; ++i) {
    Instance instance = tiny_instance();
    instance.id = i;
    cluster.instances.push_back(instance);
  }
  RunOptions options;
  options.prefix_storage = PrefixStorage::cpu;
  std::vector<std::string> warnings;
  std::vector<std::int64_t> result;
  for (const auto& pool : make_prefix_pools(cluster, options, warnings, policy)) {
    result.push_back(pool->blocks.num_blocks());
  }
  return result;
}

TEST(ScheduleRules, OwnTiersShareTheMemory) {
  constexpr std::int64_t all = (std::int64_t{1} << 30) / (256 * kTokenBytes);
  EXPECT_THAT(chunks(FidelityPolicy::reference()), ElementsAre(all, all));
  EXPECT_THAT(chunks(mended(&FidelityPolicy::private_tiers_have_all_memory)),
              ElementsAre(all / 2, all / 2));
}

/// A lower tier of chunks of one block of 4, and a pool of 3 blocks that has lost a prompt of 8.
struct Tiers {
  explicit Tiers(const FidelityPolicy& policy, std::int64_t npus = 1) {
    instance.num_npus = instance.tp = npus;
    auto lower = std::make_shared<PrefixPool>(PrefixStorage::cpu, false, 4, 8, Bytes{64});
    scheduler = std::make_unique<Scheduler>(instance, policy, make_kv(instance, 3, lower, policy));
    serve(requests.add_with_ids(8, 1, 100));
    serve(requests.add_with_ids(11, 1, 200));
  }
  /// To its end, alone; the KV that its first step fetches.
  Bytes serve(Request& request) {
    scheduler->add_request(request);
    const Batch* batch = schedule(*scheduler, now += 10);
    if (batch == nullptr) {
      return Bytes{-1};
    }
    const Bytes load = batch->load;
    const std::int64_t id = batch->id;
    now += 10;
    for (std::int32_t npu = 0; npu <= instance.end_npu(); ++npu) {
      scheduler->add_done(id + 1, npu, Nanos{now});
    }
    EXPECT_TRUE(scheduler->empty());
    return load;
  }
  Instance instance = tiny_instance();
  std::unique_ptr<Scheduler> scheduler;
  Requests requests;
  std::int64_t now = 0;
};

TEST(ScheduleRules, AFullHitInTheLowerTierLeavesSomethingToCompute) {
  const auto hit = [](const FidelityPolicy& policy) {
    Tiers tiers(policy);
    Request& again = tiers.requests.add_with_ids(8, 1, 100);
    tiers.scheduler->kv().prepare(again);
    return tiers.scheduler->kv().look_up(again, false).tokens();
  };
  EXPECT_EQ(hit(FidelityPolicy::reference()), 8);
  EXPECT_EQ(hit(mended(&FidelityPolicy::lower_tier_hit_may_cover_all)), 4);
}

TEST(ScheduleRules, ARankFetchesItsOwnShare) {
  const auto load = [](const FidelityPolicy& policy) {
    Tiers tiers(policy, 2);
    return tiers.serve(tiers.requests.add_with_ids(9, 1, 100)).count();
  };
  EXPECT_EQ(load(FidelityPolicy::reference()), 2 * 64);
  EXPECT_EQ(load(mended(&FidelityPolicy::recall_counts_all_ranks)), 64);
}

}  // namespace
}  // namespace lockstep::testing
