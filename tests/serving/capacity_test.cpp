#include "serving/capacity.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "base/error.hpp"

namespace lockstep {
namespace {

/// 8 layers of 1024 with 8 heads of 128, 4 of them for keys; 0.29 GiB of weights at 16 bits.
Instance small_instance(double memory_gib) {
  auto model = std::make_shared<ModelConfig>();
  model->name = "acme/small";
  model->hidden_size = 1024;
  model->num_hidden_layers = 8;
  model->num_attention_heads = 8;
  model->num_key_value_heads = 4;
  model->head_dim = 128;
  model->intermediate_size = 4096;
  model->vocab_size = 16384;
  Instance instance;
  instance.model = model;
  instance.npu_mem.size_gb = memory_gib;
  instance.mem_util = 1.0;
  return with_degrees(instance, 1, 1);
}

const FidelityPolicy kPolicy = FidelityPolicy::reference();

TEST(Capacity, BlocksAndConcurrencyFollowFromTheBytes) {
  const Capacity capacity = capacity_of(small_instance(1.0), kPolicy, Bytes{0});
  EXPECT_EQ(capacity.kv_per_token.count(), 2 * 512 * 8 * 2);
  EXPECT_EQ(capacity.weights.total(), capacity.layout.weight_bytes);
  const std::int64_t left = kGiB - capacity.layout.weight_bytes.count();
  EXPECT_EQ(capacity.layout.blocks, left / (16384 * 16));
  EXPECT_EQ(capacity.concurrency(17), static_cast<double>(capacity.layout.blocks) / 2);
}

TEST(Capacity, WhatIsReservedIsNotForTheCache) {
  const Capacity all = capacity_of(small_instance(1.0), kPolicy, Bytes{0});
  const Capacity less = capacity_of(small_instance(1.0), kPolicy, Bytes{kGiB / 4});
  EXPECT_EQ(all.layout.blocks - less.layout.blocks, (kGiB / 4) / (16384 * 16));
}

TEST(Capacity, WhatDoesNotFitIsRefusedWithNumbers) {
  EXPECT_THROW(static_cast<void>(capacity_of(small_instance(0.25), kPolicy, Bytes{0})), UserError);
}

// Found by a fuzzer, in gigabytes that were meant as kilobytes.
TEST(Capacity, MoreBlocksThanCanBeCountedAreRefused) {
  EXPECT_THROW(static_cast<void>(capacity_of(small_instance(92'220'298), kPolicy, Bytes{0})),
               UserError);
  Instance fixed = small_instance(1.0);
  fixed.num_gpu_blocks = std::int64_t{1} << 32;
  EXPECT_THROW(static_cast<void>(capacity_of(fixed, kPolicy, Bytes{0})), UserError);
}

TEST(FewestNpus, TheSmallestPowerOfTwoThatFits) {
  const auto one = fewest_npus(small_instance(1.0), kPolicy, Bytes{0}, 100, 8);
  ASSERT_EQ(one.size(), 1U);
  EXPECT_EQ(one[0].tp * one[0].pp, 1);
  const auto more = fewest_npus(small_instance(0.2), kPolicy, Bytes{0}, 100, 8);
  ASSERT_FALSE(more.empty());
  EXPECT_EQ(more[0].tp, 2);
  EXPECT_EQ(more[0].pp, 1);
  EXPECT_GE(more[0].capacity.concurrency(100), 1.0);
}

TEST(FewestNpus, NoneWhenEvenTheMostDoNot) {
  EXPECT_TRUE(fewest_npus(small_instance(0.01), kPolicy, Bytes{0}, 100, 8).empty());
  EXPECT_TRUE(fewest_npus(small_instance(1.0), kPolicy, Bytes{0}, 10'000'000, 1).empty());
}

TEST(FewestNpus, DegreesDivideHeadsAndLayers) {
  const auto plans = fewest_npus(small_instance(0.05), kPolicy, Bytes{0}, 16, 64);
  for (const FittingPlan& plan : plans) {
    EXPECT_TRUE(divides(*small_instance(1.0).model, plan.tp, plan.pp));
  }
}

}  // namespace
}  // namespace lockstep
