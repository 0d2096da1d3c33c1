#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "base/error.hpp"
#include "workload/workload_stats.hpp"

namespace lockstep {
namespace {

using ::testing::HasSubstr;

WorkloadRequest request(std::int64_t arrival, TokenIds input, TokenIds output) {
  WorkloadRequest result;
  result.arrival = Nanos{arrival};
  result.input_toks = static_cast<std::int64_t>(input.size());
  result.output_toks = static_cast<std::int64_t>(output.size());
  result.input_ids = std::move(input);
  result.output_ids = std::move(output);
  return result;
}

TEST(PrefixReuse, CountsFullLeadingBlocksOfEarlierPromptsAndAnswers) {
  Workload workload;
  workload.requests = {
      request(9, {1, 2, 3, 4, 5, 6, 7, 8, 9}, {}),  // last to arrive: two blocks of the others
      request(1, {1, 2, 3, 4, 5}, {6, 7, 8}),
      request(2, {1, 2, 3, 4}, {}),                 // its only block may not hit whole
      request(3, {0, 2, 3, 4, 5, 6}, {}),           // other start
      request(4, {1, 2, 3, 4, 6, 7, 8, 9, 9}, {}),  // one block, then different
  };
  const PrefixReuse reuse = prefix_reuse(workload, 4);
  EXPECT_EQ(reuse.reused_tokens, 8 + 4);
  EXPECT_EQ(reuse.reusing_calls, 2);
  EXPECT_EQ(reuse.prompt_tokens, 33);
  EXPECT_EQ(reuse.calls_with_ids, 5);
  EXPECT_THROW(static_cast<void>(prefix_reuse(workload, 0)), UserError);
}

TEST(PrefixReuse, TellsTheSameBlockBehindDifferentOnesApart) {
  Workload workload;
  workload.requests = {request(0, {1, 2, 3, 4}, {}), request(1, {3, 4, 1, 2}, {}),
                       request(2, {3, 4, 3, 4, 9}, {})};
  EXPECT_EQ(prefix_reuse(workload, 2).reused_tokens, 2);
}

TEST(WorkloadStats, InterpolatesQuantiles) {
  const Spread got = describe({4.0, 1.0, 3.0, 2.0});
  EXPECT_EQ(got.quantiles[0], 1.0);
  EXPECT_EQ(got.quantiles[2], 1.75);
  EXPECT_EQ(got.quantiles[3], 2.5);
  EXPECT_EQ(got.quantiles[6], 4.0);
  EXPECT_EQ(got.mean, 2.5);
  EXPECT_EQ(describe({}).mean, 0.0);
}

TEST(WorkloadStats, ReadsWellAsATable) {
  Workload workload;
  workload.requests = {request(1'000'000'000, {1, 2}, {3}), request(3'000'000'000, {1}, {})};
  const std::string table = stats_table(workload_stats(workload, 16));
  EXPECT_THAT(table, HasSubstr("lines                 2 (2 flat, 0 sessions)\n"));
  EXPECT_THAT(table, HasSubstr("prompt tokens         3\n"));
  EXPECT_THAT(table, HasSubstr("arrivals              1.000 s to 3.000 s\n"));
  EXPECT_THAT(table, HasSubstr("arrival rate          0.500 lines/s\n"));
  EXPECT_EQ(table.find("tool duration"), std::string::npos);
}

}  // namespace
}  // namespace lockstep
