// Agentic coding sessions: a seeded stand-in with the statistics of software-engineering agents.
// Each session is a chain of calls; a call either fails to parse (its answer is dropped and an
// error text of 123 tokens appended) or runs a tool for 50-300 ms whose result joins the prompt.
// Prompts grow from about 1.5 k to 8-12 k tokens, of which more than 90 % are a prefix already
// seen.
//
// One stream, MersenneTwister::from_seed(seed), in this order. For each session: the gap to the one
// before (exponential, cut to ns; none for the first, which arrives at 4 059 740 ns), the number of
// calls (15.3 + 4.2 N, rounded, 6..20; then evened out to 15.3 per session in sum). Then session by
// session: the first prompt (1300 + [0, 400)), and for each call the answer's length (log-normal
// 4.95, 0.86, 40..900) and, unless it is the last, failure (1 in 5), and if none whether the tool
// gives no text (0.55), else its length (log-normal 6.25, 0.75, 100..3000), and the tool's time
// (115 + 18 N ms). No prompt passes 30 000 tokens by a tool's text.
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.hpp"
#include "workload/conversation.hpp"
#include "workload/generated_session.hpp"

namespace lockstep {

struct SweLikeOptions {
  std::int64_t sessions = 50;
  double rate = 0.2;  ///< sessions per second
  std::uint32_t seed = 42;
  bool with_token_ids = true;
};

class SweLikeGenerator {
public:
  /// Throws UserError when there is no session or the rate is not positive.
  explicit SweLikeGenerator(const SweLikeOptions& options);

  /// Fills `session` with the next one; false when all are out.
  bool next(GeneratedSession& session);

  /// Sum of the calls as drawn, before evening out.
  [[nodiscard]] std::int64_t drawn_calls() const { return drawn_calls_; }

private:
  void even_out_calls();
  void continue_conversation(WorkloadRequest& call);

  SweLikeOptions options_;
  MersenneTwister stream_;
  ConversationBuilder conversation_;
  std::vector<Nanos> arrivals_;
  std::vector<std::int64_t> calls_;
  std::int64_t drawn_calls_ = 0;
  std::size_t next_session_ = 0;
};

}  // namespace lockstep
