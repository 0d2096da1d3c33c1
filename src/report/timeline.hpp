// What the requests of a run say of its course: tokens, requests in flight and in line, over
// simulated time. Exact: token times follow from TTFT and the inter-token gaps.
#pragma once

#include <cstdint>
#include <vector>

#include "report/run_record.hpp"

namespace lockstep {

/// Bucket b covers [b, b + 1) x width_ns; all series have as many buckets.
struct Timeline {
  std::int64_t width_ns = 1;
  std::vector<double> prompt_tokens;     ///< of prompts whose first token came in the bucket
  std::vector<double> generated_tokens;  ///< first tokens included
  std::vector<double> finished;          ///< requests that ended in the bucket
  std::vector<double> running;           ///< mean number from scheduling to the last token
  std::vector<double> waiting;           ///< mean number from arrival to scheduling
};

/// At most `most` buckets, of a width of 1, 2 or 5 x 10^k ns.
[[nodiscard]] Timeline timeline_of(const RunRecord& record, std::int64_t most = 400);

}  // namespace lockstep
