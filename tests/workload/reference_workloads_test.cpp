// The published workloads: counts, sums and prefix reuse.
#include <gtest/gtest.h>

#include "reference_data.hpp"
#include "workload/arrivals.hpp"
#include "workload/workload_stats.hpp"

namespace lockstep {
namespace {

struct Published {
  const char* file;
  std::int64_t calls;
  std::int64_t input_tokens;
  std::int64_t output_tokens;
  std::int64_t reused_tokens;  ///< blocks of 16
  std::int64_t reusing_calls;
  bool has_ids;
};

class ReferenceWorkloads : public ::testing::TestWithParam<Published> {};

TEST_P(ReferenceWorkloads, HaveThePublishedSums) {
  LOCKSTEP_REQUIRE_REFERENCE(dir);
  const Published& published = GetParam();
  const Workload workload = read_workload(dir / "workloads" / published.file, {});
  const WorkloadStats stats = workload_stats(workload, 16);
  EXPECT_EQ(stats.lines, published.calls);
  EXPECT_EQ(stats.calls, published.calls);
  EXPECT_EQ(stats.sessions, 0);
  EXPECT_EQ(stats.input_tokens, published.input_tokens);
  EXPECT_EQ(stats.output_tokens, published.output_tokens);
  EXPECT_EQ(stats.reuse.reused_tokens, published.reused_tokens);
  EXPECT_EQ(stats.reuse.reusing_calls, published.reusing_calls);
  EXPECT_EQ(stats.reuse.calls_with_ids, published.has_ids ? published.calls : 0);
  for (const WorkloadRequest& request : workload.requests) {
    if (published.has_ids) {
      EXPECT_EQ(static_cast<std::int64_t>(request.input_ids.size()), request.input_toks);
      EXPECT_EQ(static_cast<std::int64_t>(request.output_ids.size()), request.output_toks);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, ReferenceWorkloads,
    ::testing::Values(
        Published{"example_trace.jsonl", 10, 120, 591, 0, 0, true},
        Published{"sharegpt-llama-3.1-8b-300-sps10.jsonl", 300, 257'239, 195'753, 19'520, 32, true},
        Published{"sharegpt-qwen3-32b-300-sps10.jsonl", 300, 258'691, 199'486, 20'448, 32, true},
        Published{"sharegpt-qwen3-30b-a3b-300-sps10.jsonl", 300, 258'691, 199'486, 20'448, 32,
                  true},
        Published{"workload_me2_01_mixed.jsonl", 608, 5'604'402, 1'837'003, 0, 0, false}));

TEST(ReferenceArrivals, AreThoseOfThePoissonGenerator) {
  LOCKSTEP_REQUIRE_REFERENCE(dir);
  for (const char* file :
       {"sharegpt-llama-3.1-8b-300-sps10.jsonl", "sharegpt-qwen3-32b-300-sps10.jsonl"}) {
    const Workload workload = read_workload(dir / "workloads" / file, {0, false});
    ArrivalProcess process({});
    for (const WorkloadRequest& request : workload.requests) {
      ASSERT_EQ(request.arrival, process.next()) << file << " request " << request.id;
    }
  }
}

}  // namespace
}  // namespace lockstep
