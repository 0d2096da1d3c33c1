#include "serving/kv_cache_manager.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "serving/block_hash.hpp"
#include "serving_fixture.hpp"

namespace lockstep::testing {
namespace {

using Ids = std::vector<BlockId>;

TokenIds iota_ids(std::int64_t count, std::int32_t first) {
  TokenIds ids(static_cast<std::size_t>(count));
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}

TEST(BlockHashes, CoverFullBlocksOfPromptAndOutput) {
  const TokenIds prompt = iota_ids(10, 0);
  const TokenIds output = iota_ids(3, 10);
  EXPECT_EQ(chain_block_hashes(prompt, {}, 4).size(), 2U);
  EXPECT_EQ(chain_block_hashes(prompt, output, 4).size(), 3U);
  EXPECT_EQ(chain_block_hashes(prompt, output, 4), chain_block_hashes(iota_ids(13, 0), {}, 4));
  EXPECT_TRUE(chain_block_hashes({}, output, 1).empty());
  EXPECT_EQ(chain_block_hashes(prompt, {}, 1).size(), 10U);
}

TEST(BlockHashes, DependOnEverythingBefore) {
  TokenIds ids = iota_ids(12, 0);
  const auto original = chain_block_hashes(ids, {}, 3);
  for (std::size_t position = 0; position < ids.size(); ++position) {
    TokenIds changed = ids;
    changed[position] = 999;
    const auto hashes = chain_block_hashes(changed, {}, 3);
    for (std::size_t block = 0; block < 4; ++block) {
      EXPECT_EQ(hashes[block] == original[block], block < position / 3);
    }
  }
  // Equal blocks at different places have different hashes.
  const auto repeated = chain_block_hashes(TokenIds(6, 1), {}, 3);
  EXPECT_FALSE(repeated[0] == repeated[1]);
}

TEST(KVCacheManager, ReleasesTheEndOfASequenceFirst) {
  Instance instance = tiny_instance();
  Requests requests;
  Scheduler scheduler(instance, FidelityPolicy::reference(), make_kv(instance, 6));
  const BlockPool& pool = scheduler.kv().npu_pool();
  std::int64_t now = 0;
  const auto step = [&] {
    Batch* batch = schedule(scheduler, now);
    const std::string line = text(batch);
    finish(scheduler, batch->id, ++now);
    return line;
  };
  const auto used_blocks = [&] { return pool.used_bytes().count() / 16; };

  Request& r0 = requests.add_with_ids(8, 2, 0);
  scheduler.add_request(r0);
  EXPECT_EQ(step(), "r0 8@0");
  EXPECT_EQ(scheduler.kv().block_table(r0), (Ids{0, 1}));
  EXPECT_EQ(step(), "r0 1@8");
  EXPECT_EQ(pool.free_list(), (Ids{3, 4, 5, 2, 1, 0}));
  EXPECT_EQ(used_blocks(), 2);
  EXPECT_EQ(pool.usage(), 0.0);

  TokenIds shared = iota_ids(8, 0);
  shared.insert(shared.end(), {70, 71});
  scheduler.add_request(requests.add_with_prompt(shared, 1));
  Batch* batch = schedule(scheduler, now);
  EXPECT_EQ(text(batch), "r1 2@8");
  EXPECT_EQ(pool.free_list(), (Ids{4, 5, 2}));
  EXPECT_EQ(used_blocks(), 3);
  finish(scheduler, batch->id, ++now);
  EXPECT_EQ(pool.free_list(), (Ids{4, 5, 2, 3, 1, 0}));

  Request& r2 = requests.add_with_ids(20, 2, 500);
  scheduler.add_request(r2);
  EXPECT_EQ(step(), "r2 20@0");
  EXPECT_EQ(scheduler.kv().block_table(r2), (Ids{4, 5, 2, 3, 1}));
  EXPECT_EQ(pool.free_list(), (Ids{0}));
  EXPECT_EQ(step(), "r2 1@20");
  EXPECT_EQ(pool.free_list(), (Ids{0, 1, 3, 2, 5, 4}));

  scheduler.add_request(requests.add_with_ids(9, 1, 0));
  EXPECT_EQ(step(), "r3 9@0");  // block 0 of r0 went last, but it went
}

struct TwoTiers {
  explicit TwoTiers(std::int64_t npu_blocks, std::int64_t chunks = 32,
                    FidelityPolicy policy = FidelityPolicy::reference())
      : lower(std::make_shared<PrefixPool>(PrefixStorage::cpu, false, 256, chunks, Bytes{1024})) {
    instance = tiny_instance();
    instance.block_size = 16;
    scheduler =
        std::make_unique<Scheduler>(instance, policy, make_kv(instance, npu_blocks, lower, policy));
  }
  /// Runs everything that waits to its end; returns the first batch of it.
  std::string serve(Request& request) {
    scheduler->add_request(request);
    Batch* batch = schedule(*scheduler, now);
    std::string line = text(batch);
    load = batch != nullptr ? batch->load.count() : 0;
    written = batch != nullptr ? batch->write_through.count() : 0;
    while (batch != nullptr) {
      finish(*scheduler, batch->id, ++now);
      batch = schedule(*scheduler, now);
    }
    return line;
  }

  Instance instance;
  std::shared_ptr<PrefixPool> lower;
  std::unique_ptr<Scheduler> scheduler;
  Requests requests;
  std::int64_t now = 0, load = 0, written = 0;
};

TEST(KVCacheManager, RecallsWhatTheNpuHasDropped) {
  TwoTiers tiers(64);
  tiers.instance.max_num_batched_tokens = 2048;
  EXPECT_EQ(tiers.serve(tiers.requests.add_with_ids(600, 1, 0)), "r0 600@0");
  EXPECT_EQ(tiers.load, 0);
  EXPECT_EQ(tiers.written, 2 * 1024);  // the tail of 88 is no whole chunk
  EXPECT_EQ(tiers.scheduler->kv().npu_used_bytes().count(), 37 * 64);
  EXPECT_EQ(tiers.scheduler->kv().lower_used_bytes().count(), 2 * 1024);
  EXPECT_EQ(tiers.serve(tiers.requests.add_with_ids(1000, 1, 5000)), "r1 1000@0");
  EXPECT_EQ(tiers.written, 3 * 1024);
  EXPECT_EQ(tiers.serve(tiers.requests.add_with_ids(600, 1, 0)), "r2 88@512");
  EXPECT_EQ(tiers.load, 2 * 1024);
  EXPECT_EQ(tiers.written, 0);
  EXPECT_EQ(tiers.scheduler->kv().npu_stats(), (PrefixStats{2200, 16}));
  EXPECT_EQ(tiers.lower->stats, (PrefixStats{2200, 496}));
  EXPECT_EQ(tiers.lower->blocks.usage(), 0.0);

  tiers.scheduler->kv().reset();
  EXPECT_EQ(tiers.scheduler->kv().npu_used_bytes(), Bytes{});
  EXPECT_EQ(tiers.lower->blocks.used_bytes(), Bytes{});
  EXPECT_EQ(tiers.lower->stats.requested, 2200);
}

struct LowerHitCase {
  std::int64_t tokens, npu_hit;
  std::vector<std::int64_t> chunks;
  std::int64_t gain, recalled;
};

TEST(KVCacheManager, ALowerHitMustGainAWholeChunk) {
  const std::vector<LowerHitCase> cases{
      {1024, 304, {0, 1}, 0, 0}, {1024, 304, {0, 1, 2}, 464, 2},
      {1024, 304, {0, 2}, 0, 0}, {1024, 0, {0, 1, 3}, 512, 2},
      {600, 352, {0, 1}, 0, 0},  {512, 256, {0, 1}, 256, 1},
      {512, 272, {0, 1}, 0, 0},  {255, 0, {}, 0, 0},
  };
  for (const LowerHitCase& c : cases) {
    const Instance instance = [] {
      Instance i = tiny_instance();
      i.block_size = 16;
      return i;
    }();
    auto lower = std::make_shared<PrefixPool>(PrefixStorage::cpu, false, 256, 32, Bytes{1});
    KVCacheManager kv = make_kv(instance, 100, lower);
    Requests requests;
    Request& request = requests.add_with_ids(c.tokens, 1, 0);
    kv.prepare(request);
    if (c.npu_hit > 0) {  // an earlier request left exactly these blocks
      Request& former = requests.add_with_ids(c.npu_hit, 1, 0);
      kv.prepare(former);
      ASSERT_TRUE(kv.allocate(former, 0, c.npu_hit));
      lower->blocks.reset();
    }
    for (const std::int64_t chunk : c.chunks) {
      lower->blocks.cache_copy(request.block_hashes[static_cast<std::size_t>(chunk * 16 + 15)]);
    }
    const PrefixHit& hit = kv.look_up(request, false);
    EXPECT_EQ(hit.npu_tokens, c.npu_hit);
    EXPECT_EQ(hit.lower_tokens, c.gain) << c.tokens << ' ' << c.npu_hit;
    EXPECT_EQ(hit.lower_chunks, c.recalled);
  }
}

TEST(KVCacheManager, AWholeHitStillComputesAToken) {
  for (const bool may_cover_all : {true, false}) {
    FidelityPolicy policy;
    policy.lower_tier_hit_may_cover_all = may_cover_all;
    TwoTiers tiers(50, 32, policy);
    tiers.serve(tiers.requests.add_with_ids(768, 1, 0));
    tiers.serve(tiers.requests.add_with_ids(730, 1, 5000));  // leaves 4 of its blocks on the NPU
    EXPECT_EQ(tiers.serve(tiers.requests.add_with_ids(768, 1, 0)), "r2 256@512");
    EXPECT_EQ(tiers.scheduler->done().size(), 3U);
  }
}

TEST(KVCacheManager, AWholeHitBlocksTheQueueWhileOthersRun) {
  for (const bool may_cover_all : {true, false}) {
    FidelityPolicy policy;
    policy.lower_tier_hit_may_cover_all = may_cover_all;
    TwoTiers tiers(40, 32, policy);
    tiers.serve(tiers.requests.add_with_ids(512, 1, 0));
    tiers.serve(tiers.requests.add_with_ids(600, 1, 5000));
    tiers.scheduler->add_request(tiers.requests.add_with_ids(20, 2, 9000));
    tiers.scheduler->add_request(tiers.requests.add_with_ids(512, 1, 0));
    EXPECT_EQ(text(schedule(*tiers.scheduler, 100)),
              may_cover_all ? "r2 20@0" : "r2 20@0, r3 256@256");
  }
}

TEST(KVCacheManager, AFullLowerTierDropsTheOldestChunk) {
  TwoTiers tiers(64, 3);
  tiers.serve(tiers.requests.add_with_ids(600, 1, 0));
  tiers.serve(tiers.requests.add_with_ids(600, 1, 5000));
  EXPECT_EQ(tiers.lower->blocks.used_bytes().count(), 3 * 1024);
  // Chunk 0 of the first prompt is gone, and a hit needs consecutive chunks.
  EXPECT_EQ(tiers.serve(tiers.requests.add_with_ids(600, 1, 0)).find("@512"), std::string::npos);
}

TEST(KVCacheManager, OnlyTheFirstInstanceHashes) {
  const Instance caching = tiny_instance();
  Instance plain = tiny_instance();
  plain.enable_prefix_caching = false;
  Requests requests;
  Request& request = requests.add_with_ids(8, 1, 0);
  make_kv(plain, 4).prepare(request);
  make_kv(caching, 4).prepare(request);
  EXPECT_TRUE(request.block_hashes.empty());
}

Instance llama(double size_gb, double util) {
  auto model = std::make_shared<ModelConfig>();
  model->name = "meta-llama/Llama-3.1-8B";
  model->hidden_size = 4096;
  model->num_hidden_layers = 32;
  model->num_attention_heads = 32;
  model->num_key_value_heads = 8;
  model->head_dim = 128;
  model->intermediate_size = model->moe_intermediate_size = 14336;
  model->vocab_size = 128256;
  model->max_position_embeddings = 131072;
  Instance instance;
  instance.model = model;
  instance.npu_mem.size_gb = size_gb;
  instance.mem_util = util;
  return instance;
}

TEST(NpuKvLayout, CutsWhatTheWeightsLeave) {
  EXPECT_EQ(plan_npu_kv(llama(96, 0.9)).blocks, 36578);
  EXPECT_EQ(plan_npu_kv(llama(24, 0.9)).blocks, 3400);
  EXPECT_EQ(plan_npu_kv(llama(24, 0.833919)).blocks, 2588);
  Instance split = llama(96, 0.9);
  split.tp = split.pp = 2;
  split.num_npus = 4;
  EXPECT_EQ(plan_npu_kv(split).blocks, 168286);
  Instance fp8 = llama(96, 0.9);
  fp8.kv_cache_dtype = KvCacheType::fp8;
  EXPECT_EQ(plan_npu_kv(fp8).blocks, 73157);
}

std::string problem_of(const Instance& instance) {
  try {
    (void)plan_npu_kv(instance);
  } catch (const UserError& error) {
    return error.problem();
  }
  return "";
}

TEST(NpuKvLayout, RefusesWhatDoesNotFit) {
  EXPECT_EQ(problem_of(llama(12, 0.9)), "Model size 14GB exceeds total NPU memory 12GB");
  const std::string tight = problem_of(llama(16, 0.9));
  EXPECT_THAT(tight, ::testing::HasSubstr("-570.91MB"));
  EXPECT_THAT(tight, ::testing::HasSubstr("14745.60MB"));
  EXPECT_THAT(tight, ::testing::HasSubstr("15316.51MB"));
}

}  // namespace
}  // namespace lockstep::testing
