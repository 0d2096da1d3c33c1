#include "workload/lengths.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "workload/workload_stats.hpp"

namespace lockstep {
namespace {

std::vector<double> draw_many(std::string_view text) {
  const LengthDistribution lengths = parse_lengths(text, "--input-toks");
  MersenneTwister stream = MersenneTwister::from_key(1);
  std::vector<double> values;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(static_cast<double>(draw_length(lengths, stream)));
  }
  return values;
}

TEST(Lengths, FixedTakesNoDraw) {
  MersenneTwister stream = MersenneTwister::from_key(1);
  EXPECT_EQ(draw_length(parse_lengths("128", ""), stream), 128);
  EXPECT_EQ(stream.next(), MersenneTwister::from_key(1).next());
}

TEST(Lengths, UniformReachesBothEnds) {
  const Spread got = describe(draw_many("uniform:3:12"));
  EXPECT_EQ(got.quantiles.front(), 3.0);
  EXPECT_EQ(got.quantiles.back(), 12.0);
  EXPECT_NEAR(got.mean, 7.5, 0.1);
  EXPECT_EQ(describe(draw_many("uniform:5:5")).mean, 5.0);
}

TEST(Lengths, LogNormalIsCutNotClamped) {
  const auto values = draw_many("lognormal:6.6:0.55:256:4096");
  const Spread got = describe(values);
  EXPECT_GE(got.quantiles.front(), 256.0);
  EXPECT_LE(got.quantiles.back(), 4096.0);
  EXPECT_NEAR(got.quantiles[3], std::exp(6.6), 40.0);
  EXPECT_LT(std::count(values.begin(), values.end(), 256.0), 60);
  MersenneTwister stream = MersenneTwister::from_key(1);
  EXPECT_EQ(draw_length(parse_lengths("lognormal:0:0.1:500:600", ""), stream), 500)
      << "out of reach: clamped";
}

TEST(Lengths, EmpiricalTablesKeepTheirQuantiles) {
  const Spread got = describe(draw_many("sharegpt-llama-input"));
  EXPECT_GE(got.quantiles.front(), 262.0);
  EXPECT_LE(got.quantiles.back(), 3998.0);
  EXPECT_NEAR(got.quantiles[2], 482.8, 10.0);
  EXPECT_NEAR(got.quantiles[3], 731.5, 12.0);
  EXPECT_NEAR(got.quantiles[4], 1109.5, 15.0);
  for (const char* name :
       {"sharegpt-llama-output", "sharegpt-qwen-input", "sharegpt-qwen-output"}) {
    EXPECT_GT(describe(draw_many(name)).mean, 500.0);
  }
}

TEST(Lengths, InterpolateBetweenThePointsOfATable) {
  const QuantileLength table{{{0.0, 10.0}, {0.5, 20.0}, {1.0, 120.0}}};
  MersenneTwister stream = MersenneTwister::from_seed(42);  // 0.37454012, 0.95071431
  EXPECT_EQ(draw_length(table, stream), 17);                // 17.49
  EXPECT_EQ(draw_length(table, stream), 110);               // 110.14
}

TEST(Lengths, RefuseWhatNamesNoDistribution) {
  for (const char* text : {"",
                           "x",
                           "-1",
                           "1.5",
                           "1e99",
                           "nan",
                           "inf",
                           "12x",
                           "uniform",
                           "uniform:1",
                           "uniform:5:1",
                           "uniform:1:2:3",
                           "uniform:-1:2",
                           "lognormal:1:2",
                           "lognormal:1:-1:2:3",
                           "lognormal:nan:1:2:3",
                           "sharegpt",
                           "sharegpt-llama-input:1",
                           ":",
                           "uniform:1:x"}) {
    EXPECT_THROW(static_cast<void>(parse_lengths(text, "--flag")), UserError) << text;
  }
  try {
    static_cast<void>(parse_lengths("x", "--flag"));
  } catch (const UserError& error) {
    EXPECT_EQ(error.where().path, "--flag");
  }
}

}  // namespace
}  // namespace lockstep
