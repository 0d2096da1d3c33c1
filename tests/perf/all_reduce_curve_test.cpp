#include "perf/all_reduce_curve.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "perf/gpu_facts.hpp"
#include "perf_test_support.hpp"

namespace lockstep {
namespace {

AllReduceCurve all_reduce_curve_of(std::int64_t ranks, double link_gb_s) {
  AllReduceCurve curve;
  curve.ranks = ranks;
  curve.link_gb_s = link_gb_s;
  curve.latency_us = 20;
  curve.bandwidth_gb_s = 10;
  curve.small_bytes = 1000;
  curve.small_latency_us = 8;
  return curve;
}

TEST(AllReduceCurve, SmallMessagesHaveALatencyOfTheirOwn) {
  const AllReduceCurve curve = all_reduce_curve_of(2, 16);
  EXPECT_EQ(curve.time(Bytes{0}), Nanos{8'000});
  EXPECT_EQ(curve.time(Bytes{1000}), Nanos{8'100});
  EXPECT_EQ(curve.time(Bytes{1001}), Nanos{20'100});
  EXPECT_EQ(curve.time(Bytes{1'000'000}), Nanos{120'000});
}

TEST(AllReduceCurve, TakesANanosecondAtLeast) {
  AllReduceCurve free;
  free.bandwidth_gb_s = 1;
  EXPECT_EQ(free.time(Bytes{0}), Nanos{1});
}

TEST(AllReduceCurve, AQuarterMoreOrLessIsStillAlike) {
  const std::vector<AllReduceCurve> curves = {all_reduce_curve_of(2, 16)};
  EXPECT_TRUE(find_curve(curves, 2, 20));
  EXPECT_TRUE(find_curve(curves, 2, 12.8));
  EXPECT_FALSE(find_curve(curves, 2, 12.7));
}

TEST(AllReduceCurve, CountsForItsRanksAndForLinksLikeItsOwn) {
  const std::vector<AllReduceCurve> curves = {
      all_reduce_curve_of(2, 16), all_reduce_curve_of(4, 16), all_reduce_curve_of(2, 64)};
  EXPECT_EQ(find_curve(curves, 4, 16)->ranks, 4);
  EXPECT_EQ(find_curve(curves, 2, 19.9)->link_gb_s, 16);
  EXPECT_EQ(find_curve(curves, 2, 52)->link_gb_s, 64);
  EXPECT_FALSE(find_curve(curves, 2, 20.1));
  EXPECT_FALSE(find_curve(curves, 2, 12.7));
  EXPECT_FALSE(find_curve(curves, 8, 16));
  EXPECT_FALSE(find_curve({}, 2, 16));
}

TEST(AllReduceCurve, IsReadFromTheGpusFile) {
  GpuCatalog gpus({testing::source_dir() / "hardware"});
  const auto gpu = gpus.find("RTXPRO6000");
  ASSERT_TRUE(gpu);
  const auto curve = find_curve(gpu->all_reduce, 2, 17.18);  // 16 GiB/s
  ASSERT_TRUE(curve);
  EXPECT_EQ(curve->time(Bytes{1'520'000}), Nanos{120'000});
  EXPECT_TRUE(gpus.find("H100")->all_reduce.empty());
}

}  // namespace
}  // namespace lockstep
