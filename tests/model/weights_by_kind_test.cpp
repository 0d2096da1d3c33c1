#include <gtest/gtest.h>

#include "model/footprint.hpp"

namespace lockstep {
namespace {

ModelConfig small_model() {
  ModelConfig model;
  model.hidden_size = 64;
  model.num_hidden_layers = 4;
  model.num_attention_heads = 4;
  model.num_key_value_heads = 2;
  model.head_dim = 16;
  model.intermediate_size = 256;
  model.vocab_size = 1000;
  return model;
}

TEST(WeightsByKind, EveryKindIsCounted) {
  const WeightsByKind weights = weights_by_kind(small_model(), 2, 2, 1, 2);
  EXPECT_EQ(weights.embedding.count(), 500 * 64 * 2);
  EXPECT_EQ(weights.head, weights.embedding);
  EXPECT_EQ(weights.attention.count(), 2 * (64 * 64 + 32 * 64) * 2);
  EXPECT_EQ(weights.feed_forward.count(), 2 * 3 * 64 * 128 * 2);
  EXPECT_EQ(weights.norms.count(), (2 * 2 + 1) * 64 * 2);
  EXPECT_EQ(weights.total(), weight_bytes_per_rank(small_model(), 2, 2, 1, 2));
}

TEST(WeightsByKind, ExpertsAreSplitByTheirOwnDegree) {
  ModelConfig model = small_model();
  model.has_expert_key = true;
  model.num_experts = 8;
  model.moe_intermediate_size = 32;
  const WeightsByKind weights = weights_by_kind(model, 1, 1, 4, 2);
  EXPECT_EQ(weights.feed_forward.count(), 4 * (64 * 8 + 2 * 3 * 64 * 32) * 2);
}

}  // namespace
}  // namespace lockstep
