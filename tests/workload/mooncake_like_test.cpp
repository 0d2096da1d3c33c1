#include "workload/mooncake_like.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "workload/prefix_ids.hpp"
#include "workload/workload_stats.hpp"

namespace lockstep {
namespace {

Workload generate(const MooncakeLikeOptions& options) {
  MooncakeLikeGenerator generator(options);
  Workload workload;
  WorkloadRequest request;
  while (generator.next(request)) {
    workload.requests.push_back(request);
  }
  return workload;
}

double reused(const PrefixReuse& reuse) {
  return static_cast<double>(reuse.reused_tokens) / static_cast<double>(reuse.prompt_tokens);
}

/// What the publication says of a trace.
struct Published {
  MooncakeKind kind;
  std::int64_t requests;
  double mean_input, mean_output, cache_ratio;
};

TEST(MooncakeLike, ComesNearThePublishedFiguresWithAnySeed) {
  for (const Published& p : {Published{MooncakeKind::conversation, 12'031, 12'035, 343, 0.40},
                             Published{MooncakeKind::tool_agent, 23'608, 8'596, 182, 0.59}}) {
    for (const std::uint32_t seed : {42U, 1U}) {
      MooncakeLikeOptions options;
      options.kind = p.kind;
      options.num_requests = p.requests;
      options.seed = seed;
      const Workload workload = generate(options);
      const WorkloadStats stats = workload_stats(workload, 512);
      EXPECT_EQ(stats.calls, p.requests);
      EXPECT_NEAR(stats.input.mean / p.mean_input, 1, 0.06);  // a few long prompts weigh much
      EXPECT_NEAR(stats.output.mean / p.mean_output, 1, 0.04);
      EXPECT_NEAR(reused(stats.reuse), p.cache_ratio, 0.03);
      EXPECT_NEAR(reused(prefix_reuse(workload, 64)), p.cache_ratio, 0.03);
      EXPECT_LE(stats.input.quantiles.back(), 126'195);
      EXPECT_GT(stats.input.quantiles.back(), 60'000);
      EXPECT_NEAR(static_cast<double>(stats.last_arrival.count()) / 3.6e12, 1, 0.04);
    }
  }
}

TEST(MooncakeLike, TakesAsManyIdsAsThePromptNeedsAndComesInTicks) {
  MooncakeLikeOptions options;
  options.num_requests = 2000;
  options.duration_seconds = 300;
  const Workload workload = generate(options);
  Nanos last;
  std::set<std::int32_t> first_ids;
  for (const WorkloadRequest& request : workload.requests) {
    EXPECT_EQ(std::ssize(request.prefix_ids), prefix_ids_of(request.input_toks));
    EXPECT_EQ(request.arrival.count() % 3'000'000'000, 0);
    EXPECT_GE(request.arrival, last);
    EXPECT_GT(request.output_toks, 0);
    last = request.arrival;
    first_ids.insert(request.prefix_ids.front());
  }
  EXPECT_LE(first_ids.size(), 4U) << "system prompts";
  options.tick_seconds = 0;
  const Workload smooth = generate(options);
  EXPECT_TRUE(std::any_of(smooth.requests.begin(), smooth.requests.end(), [](const auto& request) {
    return request.arrival.count() % 3'000'000'000 != 0;
  }));
  EXPECT_EQ(smooth.requests[99].prefix_ids, workload.requests[99].prefix_ids);
}

TEST(MooncakeLike, IsTheSameForTheSameSeed) {
  MooncakeLikeOptions options;
  options.num_requests = 500;
  const Workload a = generate(options);
  const Workload b = generate(options);
  options.seed = 43;
  const Workload other = generate(options);
  std::int64_t differing = 0;
  for (std::size_t i = 0; i < a.requests.size(); ++i) {
    EXPECT_EQ(a.requests[i].arrival, b.requests[i].arrival);
    EXPECT_EQ(a.requests[i].input_toks, b.requests[i].input_toks);
    EXPECT_EQ(a.requests[i].output_toks, b.requests[i].output_toks);
    EXPECT_EQ(a.requests[i].prefix_ids, b.requests[i].prefix_ids);
    differing += a.requests[i].input_toks != other.requests[i].input_toks ? 1 : 0;
  }
  EXPECT_GT(differing, 400);
}

TEST(MooncakeLike, RefusesOptionsOutOfRange) {
  MooncakeLikeOptions options;
  options.num_requests = 0;
  EXPECT_THROW(MooncakeLikeGenerator{options}, UserError);
  options = {};
  options.duration_seconds = 0;
  EXPECT_THROW(MooncakeLikeGenerator{options}, UserError);
  options = {};
  options.tick_seconds = -1;
  EXPECT_THROW(MooncakeLikeGenerator{options}, UserError);
}

}  // namespace
}  // namespace lockstep
