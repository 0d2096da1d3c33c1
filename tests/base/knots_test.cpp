#include "base/knots.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace lockstep {
namespace {

TEST(Knots, PlacesAreBetweenTwoKnotsAndHoldBeyond) {
  const std::vector<double> knots = {0, 4, 8};
  EXPECT_EQ(knot_place(knots, -3).lower, 0U);
  EXPECT_EQ(knot_place(knots, -3).weight, 0);
  EXPECT_EQ(knot_place(knots, 4).lower, 1U);
  EXPECT_EQ(knot_place(knots, 4).weight, 0);
  EXPECT_EQ(knot_place(knots, 6).lower, 1U);
  EXPECT_EQ(knot_place(knots, 6).weight, 0.5);
  EXPECT_EQ(knot_place(knots, 99).lower, 1U);
  EXPECT_EQ(knot_place(knots, 99).weight, 1);
}

TEST(Knots, ValuesAreLinearBetweenThem) {
  const std::vector<double> knots = {1, 2, 10};
  const std::vector<double> values = {5, -1, 7};
  EXPECT_EQ(between_knots(knots, values, 0), 5);
  EXPECT_EQ(between_knots(knots, values, 1.5), 2);
  EXPECT_EQ(between_knots(knots, values, 6), 3);
  EXPECT_EQ(between_knots(knots, values, 11), 7);
}

}  // namespace
}  // namespace lockstep
