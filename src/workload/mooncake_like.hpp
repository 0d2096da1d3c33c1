// Requests of the size and form of Mooncake's published traces (FAST'25), for when those are not at
// hand: lengths, rate and shared prefixes come near the published figures, the texts are made up.
//   arrivals  from_seed(S)               Poisson, then taken back to the last full tick
//   lengths   from_key(S ^ 0x6c656e67)   per request: prompt, then answer
//   texts     from_key(S ^ 0x74657874)   per request: system prompt, whether it goes on, which one
// A request opens a conversation behind one of a few system prompts, or goes on with an earlier
// one: then it begins with all full ids of that prompt. docs/workloads.md says which figures are
// published and which are chosen.
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.hpp"
#include "workload/arrivals.hpp"
#include "workload/lengths.hpp"
#include "workload/workload.hpp"

namespace lockstep {

enum class MooncakeKind : std::uint8_t { conversation, tool_agent };

struct MooncakeLikeOptions {
  MooncakeKind kind = MooncakeKind::tool_agent;
  std::int64_t num_requests = 23'608;
  double duration_seconds = 3600;  ///< in which they come, on average
  double tick_seconds = 3;         ///< arrivals are whole numbers of it; 0: as they come
  std::uint32_t seed = 42;
};

class MooncakeLikeGenerator {
public:
  /// Throws UserError on options out of range.
  explicit MooncakeLikeGenerator(const MooncakeLikeOptions& options);

  /// Fills `request` with the next one; false when all are out.
  bool next(WorkloadRequest& request);

private:
  /// The begin that every conversation of its kind has.
  struct SystemPrompt {
    double share = 0;  ///< of all new conversations
    TokenIds ids;
  };
  struct Conversation {
    std::int64_t toks = 0;  ///< of its last prompt and answer
    TokenIds full_ids;      ///< of its last prompt
  };

  [[nodiscard]] Nanos next_arrival();
  void add_system_prompt(double share, std::int32_t num_ids);
  [[nodiscard]] const TokenIds& draw_system_prompt();
  /// The longest of a few that `toks` tokens can go on with; null: none.
  [[nodiscard]] Conversation* draw_conversation(std::int64_t toks);
  Conversation& open_conversation();
  void write_ids(WorkloadRequest& request);

  MooncakeLikeOptions options_;
  ArrivalProcess arrivals_;
  MersenneTwister lengths_;
  MersenneTwister texts_;
  LengthDistribution input_, output_;
  double goes_on_ = 0;  ///< share of requests that try to go on with a conversation
  std::vector<SystemPrompt> system_prompts_;
  std::vector<Conversation> open_;  ///< the last ones; a new one takes the place of the oldest
  std::size_t oldest_ = 0;
  std::int32_t next_id_ = 0;
  std::int64_t done_ = 0;
};

}  // namespace lockstep
