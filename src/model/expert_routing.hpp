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

/// One router per generated trace: every batch starts again from seed 42.
class ExpertRouter {
public:
  ExpertRouter(ExpertRoutingPolicy policy, std::int64_t num_experts, std::int64_t top_k);
  /// Routes `tokens` over `ranks` expert-parallel ranks. Throws UserError for `custom`.
  [[nodiscard]] ExpertLoad route(std::int64_t tokens, std::int64_t ranks);

private:
  ExpertRoutingPolicy policy_;
  std::int64_t num_experts_;
  std::int64_t top_k_;
  MersenneTwister random_;
};

}  // namespace lockstep
