// Flat requests: arrivals, lengths and token ids, each from a stream of its own, so that changing
// one leaves the others as they were. With S the seed:
//   arrivals  from_seed(S)                      (see arrivals.hpp)
//   ids       from_key(S)                       per request: prompt, then answer
//   lengths   from_key(S ^ 0x6c656e67)          per request: prompt, then answer
//   reuse     from_key(S ^ 0x72657573)          per request: whether, whom, how much
// Poisson arrivals with fixed lengths and ids are thus the reference's fixed-length workload.
#pragma once

#include <cstdint>
#include <deque>

#include "base/random.hpp"
#include "workload/arrivals.hpp"
#include "workload/lengths.hpp"
#include "workload/workload.hpp"

namespace lockstep {

struct FlatOptions {
  std::int64_t num_requests = 300;
  ArrivalOptions arrivals;  ///< its seed is replaced by `seed`
  LengthDistribution input = FixedLength{128};
  LengthDistribution output = FixedLength{512};
  std::uint32_t seed = 42;
  bool with_token_ids = false;
  std::int64_t vocabulary = 128'256;  ///< ids are uniform in [0, vocabulary); 1..2^31
  double reuse = 0.0;  ///< share of requests whose prompt begins with a part of an earlier request
};

class FlatGenerator {
public:
  /// Throws UserError on options out of range.
  explicit FlatGenerator(const FlatOptions& options);

  /// Fills `request` (its ids, lengths and arrival) with the next one; false when all are out.
  bool next(WorkloadRequest& request);

private:
  void draw_ids(WorkloadRequest& request);
  void reuse_earlier(TokenIds& prompt, std::int64_t prompt_toks);
  void append_random(TokenIds& ids, std::int64_t length);

  FlatOptions options_;
  ArrivalProcess arrivals_;
  MersenneTwister lengths_;
  MersenneTwister ids_;
  MersenneTwister reuse_;
  std::deque<TokenIds> recent_;  ///< prompt and answer of the last requests; reuse only
  std::int64_t done_ = 0;
};

}  // namespace lockstep
