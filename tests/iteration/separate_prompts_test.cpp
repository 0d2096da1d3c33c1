#include "iteration/separate_prompts.hpp"

#include <gtest/gtest.h>

#include "iteration/trace_fixtures.hpp"

namespace lockstep {
namespace {

using testing::small_model;
using testing::TraceWorld;

/// Attention that grows with the square of the prompt, as it does.
class Quadratic final : public testing::FormulaTimes {
public:
  [[nodiscard]] KernelTime attention(const AttentionShape& s) const override {
    const std::int64_t pairs = s.prefill_chunk * (s.kv_prefill + s.prefill_chunk / 2);
    return {Nanos{1000 + pairs + 50 * s.n_decode}, TimeSource::exact};
  }
};

std::int64_t time_of(const std::vector<std::pair<std::int64_t, std::int64_t>>& shares) {
  TraceWorld world(small_model());
  const Batch batch = world.batch(shares);
  return attention_of_separate_prompts(Quadratic(), shape_of(batch, false)).time.count();
}

TEST(SeparatePrompts, OneIsLookedUpAsItIs) {
  EXPECT_EQ(time_of({{100, 0}}), 1000 + 100 * 50);
  EXPECT_EQ(time_of({{100, 30}, {1, 7}}), 1000 + 100 * 80 + 50);
}

TEST(SeparatePrompts, SeveralDoNotAttendToOneAnother) {
  // Together they would cost 200 * 100; each alone costs 100 * 50.
  EXPECT_EQ(time_of({{100, 0}, {100, 0}}), 1000 + 2 * 100 * 50);
  EXPECT_EQ(time_of({{100, 0}, {100, 0}, {1, 9}}), 1000 + 2 * 100 * 50 + 50);
  EXPECT_LT(time_of({{100, 40}, {60, 0}}), 1000 + 160 * (40 + 80));
}

}  // namespace
}  // namespace lockstep
