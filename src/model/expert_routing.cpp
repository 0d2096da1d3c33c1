#include "model/expert_routing.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/numeric.hpp"
#include "base/run_seed.hpp"

namespace lockstep {
ExpertRouter::ExpertRouter(ExpertRoutingPolicy policy, std::int64_t num_experts, std::int64_t top_k,
                           bool round_robin_restarts)
    : policy_(policy),
      num_experts_(num_experts),
      top_k_(std::max<std::int64_t>(1, std::min(top_k, num_experts))),
      round_robin_restarts_(round_robin_restarts) {
  ensure(num_experts >= 1, "a router needs at least one expert");
  restart();
}

void ExpertRouter::restart() {
  if (policy_ == ExpertRoutingPolicy::random) {  // seeding is the costly part of a router
    random_ = MersenneTwister::from_key(kRunSeed);
  }
}

ExpertLoad ExpertRouter::route(std::int64_t tokens, std::int64_t ranks) {
  ExpertLoad load;
  route(tokens, ranks, load);
  return load;
}

void ExpertRouter::route(std::int64_t tokens, std::int64_t ranks, ExpertLoad& load) {
  const std::int64_t p = std::max<std::int64_t>(1, ranks);
  load.local_tokens.assign(static_cast<std::size_t>(p), 0);
  load.activated_experts.assign(static_cast<std::size_t>(p), 0);
  switch (policy_) {
    case ExpertRoutingPolicy::balanced:
      return route_balanced(tokens, p, load);
    case ExpertRoutingPolicy::round_robin:
      return round_robin_restarts_ ? route_first_experts(tokens, p, load)
                                   : route_round_robin(tokens, p, load);
    case ExpertRoutingPolicy::random:
      return route_random(tokens, p, load);
    case ExpertRoutingPolicy::custom:
      break;
  }
  throw UserError("the expert routing policy CUSTOM has no rule behind it",
                  Where{{}, 0, "--expert-routing-policy"}, "use BALANCED, RR or RAND");
}

std::size_t ExpertRouter::owner(std::int64_t expert, std::int64_t ranks) const {
  return static_cast<std::size_t>(std::min(expert * ranks / num_experts_, ranks - 1));
}

void ExpertRouter::route_balanced(std::int64_t tokens, std::int64_t ranks, ExpertLoad& load) const {
  const std::int64_t experts_of_rank = std::max<std::int64_t>(1, num_experts_ / ranks);
  const double p = static_cast<double>(ranks);
  const double pairs = static_cast<double>(tokens * top_k_) / p;
  const std::int64_t activated = std::min(round_half_even(pairs), experts_of_rank);
  const double miss = std::pow(static_cast<double>(ranks - 1) / p, static_cast<double>(top_k_));
  const double hit = ranks <= 1 ? 1.0 : 1.0 - miss;
  const std::int64_t local = round_half_even(static_cast<double>(tokens) * hit);
  std::fill(load.local_tokens.begin(), load.local_tokens.end(), local);
  std::fill(load.activated_experts.begin(), load.activated_experts.end(), activated);
}

void ExpertRouter::route_independent(std::int64_t tokens, std::int64_t ranks,
                                     ExpertLoad& load) const {
  const std::int64_t p = std::max<std::int64_t>(1, ranks);
  const double unused =
      std::pow(1.0 - static_cast<double>(top_k_) / static_cast<double>(num_experts_),
               static_cast<double>(tokens));
  const double distinct = static_cast<double>(num_experts_) * (1.0 - unused);
  const std::int64_t activated =
      std::max<std::int64_t>(1, round_half_even(distinct / static_cast<double>(p)));
  load.local_tokens.assign(static_cast<std::size_t>(p), ceil_div(tokens, p));
  load.activated_experts.assign(static_cast<std::size_t>(p), activated);
}

/// Every token takes experts 0..k-1: the running token index never advances in the reference.
void ExpertRouter::route_first_experts(std::int64_t tokens, std::int64_t ranks,
                                       ExpertLoad& load) const {
  if (tokens <= 0) {
    return;
  }
  for (std::int64_t expert = 0; expert < top_k_; ++expert) {
    const std::size_t rank = owner(expert, ranks);
    load.local_tokens[rank] = tokens;
    ++load.activated_experts[rank];
  }
}

void ExpertRouter::route_round_robin(std::int64_t tokens, std::int64_t ranks, ExpertLoad& load) {
  active_.assign(static_cast<std::size_t>(num_experts_), false);
  last_token_.assign(static_cast<std::size_t>(ranks), -1);
  for (std::int64_t token = 0; token < tokens; ++token) {
    for (std::int64_t pick = 0; pick < top_k_; ++pick) {
      count_token(token, next_expert_, ranks, load);
      next_expert_ = (next_expert_ + 1) % num_experts_;
    }
  }
}

void ExpertRouter::route_random(std::int64_t tokens, std::int64_t ranks, ExpertLoad& load) {
  active_.assign(static_cast<std::size_t>(num_experts_), false);
  last_token_.assign(static_cast<std::size_t>(ranks), -1);
  for (std::int64_t token = 0; token < tokens; ++token) {
    for (const std::int64_t expert : random_.sample(num_experts_, top_k_)) {
      count_token(token, expert, ranks, load);
    }
  }
}

void ExpertRouter::count_token(std::int64_t token, std::int64_t expert, std::int64_t ranks,
                               ExpertLoad& load) {
  const std::size_t rank = owner(expert, ranks);
  if (last_token_[rank] != token) {  // a token counts once on every rank that it reaches
    last_token_[rank] = token;
    ++load.local_tokens[rank];
  }
  const auto index = static_cast<std::size_t>(expert);
  if (!active_[index]) {
    active_[index] = true;
    ++load.activated_experts[rank];
  }
}

}  // namespace lockstep
