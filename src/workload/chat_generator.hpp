// Conversations of several turns: the user reads the answer, thinks, and writes again; each prompt
// holds all that was said before. Streams, with S the seed: arrivals from_seed(S) (arrivals.hpp),
// lengths and turns from_key(S ^ 0x6c656e67), think time from_key(S ^ 0x7468696e).
#pragma once

#include <cstdint>

#include "base/random.hpp"
#include "workload/arrivals.hpp"
#include "workload/conversation.hpp"
#include "workload/generated_session.hpp"
#include "workload/lengths.hpp"

namespace lockstep {

struct ChatOptions {
  std::int64_t sessions = 100;
  ArrivalOptions arrivals;                         ///< of sessions; its seed is replaced by `seed`
  LengthDistribution turns = UniformLength{2, 8};  ///< per session; none becomes one
  LengthDistribution user = LogNormalLength{4.0, 1.0, 4, 4096};    ///< tokens of a user's message
  LengthDistribution output = LogNormalLength{5.5, 0.8, 8, 2048};  ///< tokens of an answer
  double think_seconds = 10.0;       ///< mean of the exponential time between answer and message
  std::int64_t longest = 16'384;     ///< a session ends before prompt and answer pass it
  ConversationOptions conversation;  ///< system prompt, vocabulary, ids or none
  std::uint32_t seed = 42;
};

class ChatGenerator {
public:
  /// Throws UserError on options out of range.
  explicit ChatGenerator(const ChatOptions& options);

  /// Fills `session` with the next one; false when all are out.
  bool next(GeneratedSession& session);

private:
  ChatOptions options_;
  ArrivalProcess arrivals_;
  MersenneTwister lengths_;
  MersenneTwister think_;
  ConversationBuilder conversation_;
  std::int64_t done_ = 0;
};

}  // namespace lockstep
