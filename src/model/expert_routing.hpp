// How many tokens and how many distinct experts each expert-parallel rank gets.
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.hpp"

namespace lockstep {

enum class ExpertRoutingPolicy : std::uint8_t { balanced, round_robin, random, custom };

struct ExpertLoad {
  std::vector<std::int64_t> local_tokens;       ///< tokens that reach rank r at least once
  std::vector<std::int64_t> activated_experts;  ///< distinct experts of rank r that get a token
};

/// One router per generated trace: every batch starts again from seed 42. Experts lie on the ranks
/// in contiguous blocks.
class ExpertRouter {
public:
  /// `num_experts` >= 1; `top_k` is cut to [1, num_experts].
  /// `round_robin_restarts`: round robin gives every token the first experts, as the reference
  /// does; otherwise it goes on where the token before stopped.
  ExpertRouter(ExpertRoutingPolicy policy, std::int64_t num_experts, std::int64_t top_k,
               bool round_robin_restarts = true);
  /// Routes `tokens` over `ranks` expert-parallel ranks (values below 1 count as 1).
  /// Throws UserError for `custom`.
  [[nodiscard]] ExpertLoad route(std::int64_t tokens, std::int64_t ranks);
  /// As above into `load`, whose buffers are reused.
  void route(std::int64_t tokens, std::int64_t ranks, ExpertLoad& load);
  /// Expected values where each of `tokens` picks its experts evenly and by itself: a rank's
  /// distinct experts are its share of E (1 - (1 - k/E)^tokens). `tokens` are those of the whole
  /// group; local_tokens is what a rank computes, in tokens that all stay on it with k experts.
  void route_independent(std::int64_t tokens, std::int64_t ranks, ExpertLoad& load) const;
  /// Back to the state after construction.
  void restart();

private:
  void route_balanced(std::int64_t tokens, std::int64_t ranks, ExpertLoad& load) const;
  void route_first_experts(std::int64_t tokens, std::int64_t ranks, ExpertLoad& load) const;
  void route_round_robin(std::int64_t tokens, std::int64_t ranks, ExpertLoad& load);
  void count_token(std::int64_t token, std::int64_t expert, std::int64_t ranks, ExpertLoad& load);
  void route_random(std::int64_t tokens, std::int64_t ranks, ExpertLoad& load);
  [[nodiscard]] std::size_t owner(std::int64_t expert, std::int64_t ranks) const;

  ExpertRoutingPolicy policy_;
  std::int64_t num_experts_;
  std::int64_t top_k_;
  bool round_robin_restarts_;
  std::int64_t next_expert_ = 0;
  MersenneTwister random_;
  std::vector<bool> active_;              ///< by expert
  std::vector<std::int64_t> last_token_;  ///< by rank
};

}  // namespace lockstep
