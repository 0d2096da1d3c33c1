#include "perf/operations/latent_block_time.hpp"

#include <gtest/gtest.h>

#include "steps/fake_times.hpp"

namespace lockstep {
namespace {

/// A block takes 100 us and a microsecond a token that it sees; its parts one each.
class SlowBlock final : public testing::FakeTimes {
public:
  OperationTime gemm(const Gemm& /*o*/) const override { return {1, TimeSource::exact, 0}; }
  OperationTime generation_attention(const GenerationAttention& /*o*/) const override {
    return {1, TimeSource::exact, 0};
  }
  OperationTime latent_module(const LatentAttention& o) const override {
    const auto seen = static_cast<double>(o.batch * (o.cached_tokens + o.new_tokens));
    return {99 + seen, TimeSource::exact, 0};
  }
};

TEST(LatentBlockTime, LeavesOutWhatIsBeyondItsParts) {
  const SlowBlock times;
  LatentAttention block{.heads = 8, .batch = 1, .generation = true};
  EXPECT_DOUBLE_EQ(latent_block_time(times, block).micros, 7) << "seven parts";
  block.batch = 4;
  block.cached_tokens = 49;
  EXPECT_DOUBLE_EQ(latent_block_time(times, block).micros, 299 - 93);
}

TEST(LatentBlockTime, PromptsAreAsMeasured) {
  const SlowBlock times;
  const LatentAttention block{.heads = 8, .batch = 1, .new_tokens = 100};
  EXPECT_DOUBLE_EQ(latent_block_time(times, block).micros, 199);
}

TEST(LatentBlockTime, AFasterBlockThanItsPartsStays) {
  const testing::FakeTimes times;  // a microsecond for all of it
  const LatentAttention block{.heads = 8, .batch = 16, .cached_tokens = 10, .generation = true};
  EXPECT_DOUBLE_EQ(latent_block_time(times, block).micros, 1);
}

}  // namespace
}  // namespace lockstep
