#include "perf/curve_table.hpp"

#include <gtest/gtest.h>

#include "perf/moe_table.hpp"
#include "perf_test_support.hpp"

namespace lockstep {
namespace {

using testing::TempDir;

void expect_estimate(const Estimate& got, double value, TimeSource source) {
  EXPECT_EQ(got.value, value);
  EXPECT_EQ(got.source, source);
}

TEST(Curve, ClampsBelowInterpolatesAndExtrapolates) {
  const Curve curve = curve_of({{4, 200}, {2, 100}, {8, 280}});
  expect_estimate(curve.at(1), 100, TimeSource::extrapolated);
  expect_estimate(curve.at(2), 100, TimeSource::exact);
  expect_estimate(curve.at(3), 150, TimeSource::interpolated);
  expect_estimate(curve.at(4), 200, TimeSource::exact);
  expect_estimate(curve.at(8), 280, TimeSource::exact);
  expect_estimate(curve.at(13), 380, TimeSource::extrapolated);
}

TEST(Curve, OneSampleIsConstant) {
  const Curve curve = curve_of({{4, 200}});
  expect_estimate(curve.at(1), 200, TimeSource::extrapolated);
  expect_estimate(curve.at(4), 200, TimeSource::exact);
  expect_estimate(curve.at(99), 200, TimeSource::extrapolated);
}

TEST(Curve, OfEqualKeysTheFirstStays) {
  const Curve curve = curve_of({{4, 200}, {4, 999}, {2, 100}});
  expect_estimate(curve.at(4), 200, TimeSource::exact);
}

TEST(CurveTable, ReadsAnyRowOrderAndPassesOverUnknownLayers) {
  const TempDir dir;
  const auto table = CurveTable::read(
      dir.write("dense.csv",
                "note,time_us,layer,tokens\r\nx,2,qkv_proj,2\r\n,9,no_such_layer,1\r\n"
                ",1,qkv_proj,1\r\n,7,o_proj,1\r\n"),
      "tokens");
  EXPECT_EQ(table.of(Layer::qkv_proj).keys, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(table.of(Layer::qkv_proj).nanos, (std::vector<double>{1000, 2000}));
  EXPECT_EQ(table.of(Layer::o_proj).keys.size(), 1U);
  EXPECT_TRUE(table.of(Layer::down_proj).empty());
}

class MoeTableTest : public ::testing::Test {
protected:
  MoeTableTest()
      : table_(MoeTable::read(dir_.write("moe.csv",
                                         "tokens,activated_experts,time_us\n"
                                         "1,8,1\n3,8,2\n2,16,4\n4,16,6\n"))) {}
  TempDir dir_;
  MoeTable table_;
};

TEST_F(MoeTableTest, BlendsAlongTokensThenExperts) {
  expect_estimate(table_.at(2, 8), 1500, TimeSource::interpolated);
  expect_estimate(table_.at(3, 16), 5000, TimeSource::interpolated);
  expect_estimate(table_.at(2, 12), 2750, TimeSource::interpolated);  // between 1500 and 4000
  expect_estimate(table_.at(3, 8), 2000, TimeSource::exact);
  expect_estimate(table_.at(2, 16), 4000, TimeSource::exact);
}

TEST_F(MoeTableTest, ClampsFewAndExtrapolatesManyExperts) {
  expect_estimate(table_.at(1, 4), 1000, TimeSource::extrapolated);
  expect_estimate(table_.at(2, 24), 6500, TimeSource::extrapolated);
  expect_estimate(table_.at(1, 12), 2500, TimeSource::extrapolated);  // row 16 starts at 2 tokens
}

TEST(WholeNanos, TruncatesAndStaysAtLeastOne) {
  EXPECT_EQ(whole_nanos(37772.75), Nanos{37772});
  EXPECT_EQ(whole_nanos(0.99), Nanos{1});
  EXPECT_EQ(whole_nanos(-1e30), Nanos{1});
  EXPECT_EQ(whole_nanos(1e30), Nanos::max());
}

}  // namespace
}  // namespace lockstep
