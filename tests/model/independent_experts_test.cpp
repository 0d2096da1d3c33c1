#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

#include "model/expert_routing.hpp"

namespace lockstep {
namespace {

ExpertLoad expected(std::int64_t experts, std::int64_t top_k, std::int64_t tokens,
                    std::int64_t ranks) {
  ExpertLoad load;
  ExpertRouter(ExpertRoutingPolicy::balanced, experts, top_k)
      .route_independent(tokens, ranks, load);
  return load;
}

TEST(IndependentExperts, SomeArePickedTwice) {
  EXPECT_EQ(expected(128, 8, 1, 1).activated_experts[0], 8);
  EXPECT_EQ(expected(128, 8, 16, 1).activated_experts[0], 82);  // 128 (1 - 0.9375^16) = 82.4
  EXPECT_EQ(expected(128, 8, 32, 2).activated_experts[1], 56);  // 55.9 of a rank's 64
  EXPECT_EQ(expected(128, 8, 4096, 2).activated_experts[0], 64);
  EXPECT_EQ(expected(128, 8, 33, 2).local_tokens[0], 17);
}

RC_GTEST_PROP(IndependentExperts, AreNeverMoreThanThereAreNorThanWerePicked, ()) {
  const auto experts = *rc::gen::inRange<std::int64_t>(1, 300);
  const auto top_k = *rc::gen::inRange<std::int64_t>(1, experts + 1);
  const auto tokens = *rc::gen::inRange<std::int64_t>(1, 5000);
  const ExpertLoad one = expected(experts, top_k, tokens, 1);
  RC_ASSERT(one.activated_experts[0] >= std::min(top_k, experts));
  RC_ASSERT(one.activated_experts[0] <= std::min(experts, tokens * top_k));
  RC_ASSERT(expected(experts, top_k, tokens + 1, 1).activated_experts[0] >=
            one.activated_experts[0]);
}

}  // namespace
}  // namespace lockstep
