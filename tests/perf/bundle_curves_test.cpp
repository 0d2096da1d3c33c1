#include "perf/bundle_curves.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "perf_test_support.hpp"

namespace lockstep {
namespace {

using testing::TempDir;

TEST(BundleCurves, OneCurveALayerOrAFewValuesOfAKey) {
  const TempDir dir;
  dir.write("tp1/dense.csv", "layer,tokens,time_us\r\nb,2,5\r\nb,1,4\r\na,1,3\r\n");
  std::string rows = "tokens,activated_experts,time_us\n";
  for (int experts = 1; experts <= 12; ++experts) {
    for (int tokens = 1; tokens <= 4; tokens *= 2) {
      rows += std::to_string(tokens) + "," + std::to_string(experts) + ",9.5\n";
    }
  }
  dir.write("tp1/moe.csv", rows);
  const auto sets = bundle_curves(dir.path(), 1);
  ASSERT_EQ(sets.size(), 2U);
  EXPECT_EQ(sets[0].title, "tp1 dense");
  ASSERT_EQ(sets[0].curves.size(), 2U);
  EXPECT_EQ(sets[0].curves[1].name, "b");
  const std::vector<std::pair<std::int64_t, double>> points{{1, 4.0}, {2, 5.0}};
  EXPECT_EQ(sets[0].curves[1].points, points);
  ASSERT_EQ(sets[1].curves.size(), 5U);
  EXPECT_EQ(sets[1].curves.front().name, "activated_experts 1");
  EXPECT_EQ(sets[1].curves.back().name, "activated_experts 12");
}

TEST(BundleCurves, PrefillsAndDecodesAreShownAlone) {
  const TempDir dir;
  dir.write("tp2/attention.csv",
            "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n"
            "16,0,0,0,1\n32,0,0,0,2\n16,0,1,64,7\n0,0,1,64,3\n0,0,1,128,4\n");
  const auto sets = bundle_curves(dir.path(), 2);
  ASSERT_EQ(sets.size(), 2U);
  const std::vector<std::pair<std::int64_t, double>> prefill{{16, 1.0}, {32, 2.0}};
  const std::vector<std::pair<std::int64_t, double>> decode{{64, 3.0}, {128, 4.0}};
  ASSERT_EQ(sets[0].curves.size(), 1U);
  EXPECT_EQ(sets[0].curves[0].points, prefill);
  ASSERT_EQ(sets[1].curves.size(), 1U);
  EXPECT_EQ(sets[1].curves[0].name, "n_decode 1");
  EXPECT_EQ(sets[1].curves[0].points, decode);
}

TEST(BundleCurves, AFolderWithoutTablesIsRefused) {
  const TempDir dir;
  EXPECT_THROW((void)bundle_curves(dir.path(), 1), UserError);
}

}  // namespace
}  // namespace lockstep
