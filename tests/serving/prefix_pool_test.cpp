#include "serving/prefix_pool.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "serving_fixture.hpp"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

/// `nodes[i]` instances on node i, each node with `cpu_gb`; 2^20 bytes of KV a token.
Cluster cluster_of(const std::vector<int>& nodes, double cpu_gb) {
  auto model = std::make_shared<ModelConfig>(*tiny_model());
  model->num_hidden_layers = 1 << 18;
  Cluster cluster;
  for (std::size_t node = 0; node < nodes.size(); ++node) {
    cluster.nodes.emplace_back().cpu_mem.size_gb = cpu_gb;
    for (int i = 0; i < nodes[node]; ++i) {
      Instance instance = tiny_instance();
      instance.id = static_cast<std::int32_t>(cluster.instances.size());
      instance.node = static_cast<std::int32_t>(node);
      instance.block_size = 16;
      instance.model = model;
      cluster.instances.push_back(instance);
    }
  }
  return cluster;
}

RunOptions options_of(PrefixStorage storage, bool sharing) {
  RunOptions options;
  options.prefix_storage = storage;
  options.enable_prefix_sharing = sharing;
  return options;
}

std::vector<std::shared_ptr<PrefixPool>> pools_of(const Cluster& cluster, PrefixStorage storage,
                                                  bool sharing) {
  std::vector<std::string> warnings;
  return make_prefix_pools(cluster, options_of(storage, sharing), warnings);
}

std::string problem_of(const Cluster& cluster, PrefixStorage storage, bool sharing) {
  try {
    (void)pools_of(cluster, storage, sharing);
  } catch (const UserError& error) {
    return error.problem();
  }
  return "none";
}

TEST(PrefixPools, ChunksAreWholeBlocks) {
  EXPECT_EQ(prefix_chunk_tokens(16), 256);
  EXPECT_EQ(prefix_chunk_tokens(48), 240);
  EXPECT_EQ(prefix_chunk_tokens(1), 256);
  EXPECT_EQ(prefix_chunk_tokens(256), 256);
  EXPECT_EQ(prefix_chunk_tokens(512), 512);
}

TEST(PrefixPools, EveryInstanceHasItsOwnUnlessShared) {
  const Cluster cluster = cluster_of({2, 1}, 1);
  auto pools = pools_of(cluster, PrefixStorage::cpu, false);
  EXPECT_NE(pools[0], pools[1]);
  EXPECT_EQ(pools[0]->blocks.num_blocks(), 4);  // 1 GiB / (256 tokens * 1 MiB)
  EXPECT_FALSE(pools[0]->shared);
  pools = pools_of(cluster, PrefixStorage::cpu, true);
  EXPECT_EQ(pools[0], pools[1]);
  EXPECT_NE(pools[0], pools[2]);
  EXPECT_TRUE(pools[0]->shared);
}

TEST(PrefixPools, CxlIsSharedByAll) {
  Cluster cluster = cluster_of({1, 1}, 1);
  cluster.cxl = CxlMemory{};
  cluster.cxl->figures.size_gb = 2;
  cluster.cxl->num_devices = 4;  // the size is the total
  auto pools = pools_of(cluster, PrefixStorage::cxl, true);
  EXPECT_EQ(pools[0], pools[1]);
  EXPECT_EQ(pools[0]->blocks.num_blocks(), 8);
  EXPECT_EQ(pools[0]->storage, PrefixStorage::cxl);
  EXPECT_NE(pools_of(cluster, PrefixStorage::cxl, false)[0], pools[0]);
}

TEST(PrefixPools, SharingWithoutStorageIsNoSharing) {
  std::vector<std::string> warnings;
  const auto pools =
      make_prefix_pools(cluster_of({1}, 1), options_of(PrefixStorage::none, true), warnings);
  EXPECT_EQ(pools[0], nullptr);
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_THAT(warnings[0], HasSubstr("--enable-prefix-sharing"));
}

TEST(PrefixPools, AnInstanceThatDoesNotCacheHasNone) {
  Cluster cluster = cluster_of({2}, 1);
  cluster.instances[1].enable_prefix_caching = false;
  cluster.instances[1].block_size = 32;  // so it does not matter either
  const auto pools = pools_of(cluster, PrefixStorage::cpu, true);
  EXPECT_NE(pools[0], nullptr);
  EXPECT_EQ(pools[1], nullptr);
}

TEST(PrefixPools, RefusesMemoryBelowOneChunk) {
  EXPECT_THAT(problem_of(cluster_of({1}, 0), PrefixStorage::cxl, false),
              HasSubstr("CXL memory of 0.00GB is not enough for one 256-token chunk (256.00MB)"));
  EXPECT_THAT(problem_of(cluster_of({1}, 0.2), PrefixStorage::cpu, true),
              HasSubstr("one 256-token"));
  EXPECT_EQ(problem_of(cluster_of({1}, 0.25), PrefixStorage::cpu, true), "none");
  EXPECT_THAT(problem_of(cluster_of({1}, 0), PrefixStorage::cpu, true),
              HasSubstr("needs a memory"));
}

TEST(PrefixPools, RefusesUnlikeInstancesInOnePool) {
  const auto with = [](auto change) {
    Cluster cluster = cluster_of({2}, 1);
    change(cluster.instances[1]);
    return problem_of(cluster, PrefixStorage::cpu, true);
  };
  EXPECT_THAT(with([](Instance& i) { i.block_size = 32; }), HasSubstr("block_size: 16"));
  EXPECT_THAT(with([](Instance& i) { i.dtype = DataType::float32; }), HasSubstr("weight bits"));
  EXPECT_THAT(with([](Instance& i) { i.kv_cache_dtype = KvCacheType::fp8; }),
              HasSubstr("kv_cache_dtype: auto (instance 0) and fp8 (instance 1)"));
  EXPECT_THAT(with([](Instance& i) {
                auto other = std::make_shared<ModelConfig>(*i.model);
                other->name = "test/other";
                i.model = other;
              }),
              HasSubstr("model: test/tiny"));
  EXPECT_THAT(with([](Instance& i) { i.num_npus = 3; }), HasSubstr("KV bytes per token"));
}

}  // namespace
}  // namespace lockstep::testing
