#include "workload/arrivals.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/error.hpp"
#include "workload/variates.hpp"

namespace lockstep {
namespace {

std::vector<std::int64_t> take(const ArrivalOptions& options, int count) {
  ArrivalProcess process(options);
  std::vector<std::int64_t> times;
  for (int i = 0; i < count; ++i) {
    times.push_back(process.next().count());
  }
  return times;
}

ArrivalOptions of_kind(ArrivalKind kind) {
  ArrivalOptions options;
  options.kind = kind;
  return options;
}

TEST(Arrivals, PoissonGivesThePublishedTimes) {
  const auto times = take({}, 300);
  const std::vector<std::int64_t> first = {46926808,  347938951, 479613520,
                                           570907775, 587870262, 604829891};
  EXPECT_EQ(std::vector<std::int64_t>(times.begin(), times.begin() + 6), first);
  EXPECT_EQ(times[299], 29'183'763'203);
}

TEST(Arrivals, FixedRateDoesNotDrift) {
  ArrivalOptions options = of_kind(ArrivalKind::fixed);
  options.rate = 3.0;
  options.first = Nanos{7};
  const auto times = take(options, 300'001);
  EXPECT_EQ(times[0], 7);
  EXPECT_EQ(times[1], 333'333'340);
  EXPECT_EQ(times[300'000], 100'000'000'000'007);
}

TEST(Arrivals, PulsesComeTogetherAndDrawNoGapBetween) {
  ArrivalOptions options = of_kind(ArrivalKind::pulse);
  options.pulse_size = 3;
  options.pulse_delay = Nanos{1000};
  EXPECT_EQ(take(options, 7), (std::vector<std::int64_t>{0, 0, 0, 1000, 1000, 1000, 2000}));
  options.pulse_poisson = true;
  const auto poisson = take({}, 5);
  EXPECT_EQ(take(options, 6),
            (std::vector<std::int64_t>{poisson[0], poisson[1], poisson[2], poisson[2] + 1000,
                                       poisson[3] + 1000, poisson[4] + 1000}));
}

TEST(Arrivals, GammaAndWeibullKeepTheRateAndSpreadByShape) {
  for (const ArrivalKind kind : {ArrivalKind::gamma, ArrivalKind::weibull}) {
    for (const double shape : {0.5, 1.0, 4.0}) {
      ArrivalOptions options = of_kind(kind);
      options.shape = shape;
      const auto times = take(options, 100'000);
      double squares = 0.0;
      for (std::size_t i = 1; i < times.size(); ++i) {
        const double gap = static_cast<double>(times[i] - times[i - 1]) / 1e8;
        squares += gap * gap;
      }
      const double mean = static_cast<double>(times.back()) / 1e8 / 1e5;
      const double variance = squares / 1e5 - mean * mean;
      const double ratio = std::tgamma(1 + 2 / shape) / std::pow(std::tgamma(1 + 1 / shape), 2) - 1;
      const double expected = kind == ArrivalKind::gamma ? 1.0 / shape : ratio;
      EXPECT_NEAR(mean, 1.0, 0.03);
      EXPECT_NEAR(variance / expected, 1.0, 0.1) << shape;
    }
  }
}

TEST(Arrivals, RefuseNonsense) {
  for (const double rate : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    ArrivalOptions options;
    options.rate = rate;
    EXPECT_THROW(ArrivalProcess{options}, UserError) << rate;
  }
  ArrivalOptions pulse = of_kind(ArrivalKind::pulse);
  pulse.pulse_size = 0;
  EXPECT_THROW(ArrivalProcess{pulse}, UserError);
  ArrivalOptions shape = of_kind(ArrivalKind::gamma);
  shape.shape = 0.0;
  EXPECT_THROW(ArrivalProcess{shape}, UserError);
}

TEST(Arrivals, StopBeforeTheClockOverflows) {
  for (const ArrivalKind kind : {ArrivalKind::poisson, ArrivalKind::fixed, ArrivalKind::gamma}) {
    ArrivalOptions options = of_kind(kind);
    options.rate = 1e-9;
    EXPECT_THROW(take(options, 100), UserError);
  }
}

TEST(Variates, NormalHasMeanZeroAndVarianceOne) {
  MersenneTwister stream = MersenneTwister::from_seed(1);
  double sum = 0.0;
  double squares = 0.0;
  for (int i = 0; i < 100'000; ++i) {
    const double x = standard_normal(stream);
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / 1e5, 0.0, 0.02);
  EXPECT_NEAR(squares / 1e5, 1.0, 0.02);
}

}  // namespace
}  // namespace lockstep
