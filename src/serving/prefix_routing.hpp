// The cache-aware rule of vLLM's router (and of SGLang's gateway, which it comes from): a prompt
// goes where the longest prefix of it is cached, unless that is too little of it or the load is out
// of balance. What is cached is read from the instances themselves, as a router that follows their
// KV events would know it; a router that keeps a tree of what it has sent knows it less well.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "config/run_options.hpp"
#include "serving/request.hpp"
#include "serving/scheduler.hpp"

namespace lockstep {

/// Names and defaults are those of the router's flags (vllm-router 0.1, sglang gateway 0.3).
struct PrefixRouting {
  double cache_threshold = 0.3;             ///< least share of the prompt, itself not enough
  std::int64_t balance_abs_threshold = 64;  ///< requests
  double balance_rel_threshold = 1.5;

  [[nodiscard]] static PrefixRouting of(const RunOptions& options);
};

/// More than balance_abs_threshold requests between the busiest candidate and the idlest, and more
/// than balance_rel_threshold times as many. Requests wait or run.
[[nodiscard]] bool out_of_balance(std::span<Scheduler* const> candidates,
                                  const PrefixRouting& settings);

/// Which candidates hold the longest prefix of the request's sequence, in their NPUs or the tier
/// below; none when it is not longer than the threshold. Changes nothing in their caches; the
/// request, which no instance has seen, gets the hashes of its blocks.
[[nodiscard]] std::vector<bool> holders_of_prefix(Request& request,
                                                  std::span<Scheduler* const> candidates,
                                                  const PrefixRouting& settings);

}  // namespace lockstep
