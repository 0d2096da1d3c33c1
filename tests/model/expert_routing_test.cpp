#include "model/expert_routing.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <memory>
#include <numeric>

#include "base/error.hpp"
#include "model/csv.hpp"
#include "reference_data.hpp"

namespace lockstep {
namespace {

using Counts = std::vector<std::int64_t>;

ExpertLoad route(ExpertRoutingPolicy policy, std::int64_t experts, std::int64_t k,
                 std::int64_t tokens, std::int64_t ranks) {
  return ExpertRouter(policy, experts, k).route(tokens, ranks);
}

struct BalancedCase {
  std::int64_t experts, k, tokens, ranks, local, activated;
};

TEST(ExpertRouting, Balanced) {
  const BalancedCase cases[] = {
      {128, 8, 1472, 2, 1466, 64}, {128, 8, 1, 2, 1, 4},  {128, 8, 1, 1, 1, 8},
      {128, 8, 2, 1, 2, 16},       {128, 8, 5, 4, 4, 10}, {128, 8, 100, 8, 66, 16},
      {16, 2, 10, 4, 4, 4},        {8, 2, 1, 2, 1, 1},    {8, 2, 3, 4, 1, 2},
      {8, 2, 2, 4, 1, 1},          {8, 2, 0, 2, 0, 0},    {128, 8, 100, 4, 90, 32}};
  for (const BalancedCase& c : cases) {
    const ExpertLoad load = route(ExpertRoutingPolicy::balanced, c.experts, c.k, c.tokens, c.ranks);
    EXPECT_EQ(load.local_tokens, Counts(static_cast<std::size_t>(c.ranks), c.local));
    EXPECT_EQ(load.activated_experts, Counts(static_cast<std::size_t>(c.ranks), c.activated));
  }
}

TEST(ExpertRouting, Random) {
  const auto policy = ExpertRoutingPolicy::random;
  EXPECT_EQ(route(policy, 128, 8, 1, 2).activated_experts, (Counts{7, 1}));
  EXPECT_EQ(route(policy, 128, 8, 10, 2).activated_experts, (Counts{32, 28}));
  EXPECT_EQ(route(policy, 128, 8, 100, 4).local_tokens, (Counts{90, 89, 89, 91}));
  EXPECT_EQ(route(policy, 128, 8, 1472, 2).local_tokens, (Counts{1469, 1470}));
  EXPECT_EQ(route(policy, 8, 2, 5, 2).local_tokens, (Counts{5, 3}));
  EXPECT_EQ(route(policy, 8, 2, 5, 2).activated_experts, (Counts{3, 2}));
  EXPECT_EQ(route(policy, 16, 2, 7, 4).local_tokens, (Counts{7, 1, 3, 1}));
}

TEST(ExpertRouting, RandomDrawsGoOnUntilRestart) {
  ExpertRouter router(ExpertRoutingPolicy::random, 128, 8);
  const ExpertLoad first = router.route(7, 4);
  const ExpertLoad second = router.route(7, 4);
  EXPECT_NE(first.local_tokens, second.local_tokens);
  router.restart();
  EXPECT_EQ(router.route(7, 4).local_tokens, first.local_tokens);
}

TEST(ExpertRouting, RoundRobinKeepsTakingTheFirstExperts) {
  const auto policy = ExpertRoutingPolicy::round_robin;
  EXPECT_EQ(route(policy, 128, 8, 1472, 2).local_tokens, (Counts{1472, 0}));
  EXPECT_EQ(route(policy, 128, 8, 1472, 2).activated_experts, (Counts{8, 0}));
  EXPECT_EQ(route(policy, 8, 2, 10, 4).activated_experts, (Counts{2, 0, 0, 0}));
  EXPECT_EQ(route(policy, 8, 4, 10, 4).local_tokens, (Counts{10, 10, 0, 0}));
  EXPECT_EQ(route(policy, 8, 2, 0, 2).activated_experts, (Counts{0, 0}));
}

TEST(ExpertRouting, CustomIsRefused) {
  EXPECT_THROW(route(ExpertRoutingPolicy::custom, 8, 2, 1, 1), UserError);
}

TEST(ExpertRouting, TopKIsCutToTheExperts) {
  EXPECT_EQ(route(ExpertRoutingPolicy::random, 4, 9, 3, 1).activated_experts, (Counts{4}));
  EXPECT_EQ(route(ExpertRoutingPolicy::round_robin, 4, 0, 3, 1).activated_experts, (Counts{1}));
}

RC_GTEST_PROP(ExpertRouting, NoRankGetsMoreThanEverything, ()) {
  const auto policy = *rc::gen::element(ExpertRoutingPolicy::balanced, ExpertRoutingPolicy::random,
                                        ExpertRoutingPolicy::round_robin);
  const auto experts = *rc::gen::inRange<std::int64_t>(1, 65);
  const auto k = *rc::gen::inRange<std::int64_t>(1, experts + 1);
  const auto ranks = *rc::gen::inRange<std::int64_t>(1, experts + 1);
  const auto tokens = *rc::gen::inRange<std::int64_t>(0, 200);
  const ExpertLoad load = route(policy, experts, k, tokens, ranks);
  RC_ASSERT(load.local_tokens.size() == static_cast<std::size_t>(ranks));
  for (std::size_t r = 0; r < load.local_tokens.size(); ++r) {
    RC_ASSERT(load.local_tokens[r] >= 0 && load.local_tokens[r] <= tokens);
    RC_ASSERT(load.activated_experts[r] <= std::min(experts, tokens * k));
  }
  if (policy == ExpertRoutingPolicy::random) {
    const auto touched =
        std::accumulate(load.local_tokens.begin(), load.local_tokens.end(), std::int64_t{0});
    RC_ASSERT(touched >= tokens);
  }
}

ExpertRoutingPolicy policy_from_name(const std::string& name) {
  return name == "RAND" ? ExpertRoutingPolicy::random
         : name == "RR" ? ExpertRoutingPolicy::round_robin
                        : ExpertRoutingPolicy::balanced;
}

TEST(ExpertRoutingReference, RoutingTable) {
  LOCKSTEP_REQUIRE_REFERENCE(dir);
  std::size_t rows = 0;
  std::unique_ptr<ExpertRouter> router;
  for (const auto& row : testing::read_csv(dir / "vectors" / "moe_routing.csv")) {
    if (row.integer("call_index") == 0) {
      router = std::make_unique<ExpertRouter>(policy_from_name(row.text("policy")),
                                              row.integer("num_experts"), row.integer("top_k"));
    }
    const ExpertLoad load = router->route(row.integer("tokens"), row.integer("ep"));
    ++rows;
    ASSERT_EQ(load.local_tokens, row.integers("local_tokens")) << "row " << rows;
    ASSERT_EQ(load.activated_experts, row.integers("activated_experts")) << "row " << rows;
  }
  EXPECT_EQ(rows, 432U);
}

}  // namespace
}  // namespace lockstep
