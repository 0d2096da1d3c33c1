#include "closed_loop/front_ends.hpp"

#include <gtest/gtest.h>

namespace lockstep {
namespace {

constexpr HostCosts kCosts{.request = 100, .prompt_token = 2};

Nanos us(std::int64_t micros) {
  return Nanos{micros * 1000};
}

TEST(FrontEnds, TakeOneRequestAfterTheOther) {
  FrontEnds one(kCosts, 1);
  EXPECT_EQ(one.take(us(0), 50), us(200));
  EXPECT_EQ(one.take(us(10), 50), us(400));
  EXPECT_EQ(one.take(us(1000), 0), us(1100));
}

TEST(FrontEnds, TheOneThatIsFreeFirstTakesIt) {
  FrontEnds two(kCosts, 2);
  EXPECT_EQ(two.take(us(0), 50), us(200));
  EXPECT_EQ(two.take(us(0), 0), us(100));
  EXPECT_EQ(two.take(us(0), 0), us(200));
}

}  // namespace
}  // namespace lockstep
