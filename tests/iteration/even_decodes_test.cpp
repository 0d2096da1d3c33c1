#include "iteration/even_decodes.hpp"

#include <gtest/gtest.h>

#include "iteration/trace_fixtures.hpp"

namespace lockstep {
namespace {

using testing::small_model;
using testing::TraceWorld;

constexpr HeadShape kHead{.heads = 8, .kv_heads = 1, .head_size = 128};
constexpr SplitDecodes kTwo{
    .multiprocessors = 2, .block_gb_s = 1, .block_fp8_gb_s = 1, .memory_gb_s = 2};

std::optional<std::int64_t> length_of(
    const std::vector<std::pair<std::int64_t, std::int64_t>>& shares) {
  TraceWorld world(small_model());
  const Batch batch = world.batch(shares);
  return EvenDecodes(kTwo).length(shape_of(batch, false), kHead);
}

TEST(EvenDecodes, TheLengthThatTakesAsLong) {
  EXPECT_EQ(length_of({{1, 383}, {1, 127}}), 384) << "the longer part is waited for";
  EXPECT_EQ(length_of({{1, 255}, {1, 255}}), 256);
}

TEST(EvenDecodes, NotBesidePrompts) {
  EXPECT_FALSE(length_of({{8, 0}, {1, 383}, {1, 127}}));
}

}  // namespace
}  // namespace lockstep
