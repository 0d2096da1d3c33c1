// Over how many ranks each part of a model is split, as vLLM does it.
#pragma once

#include <cstdint>

namespace lockstep {

/// tp * attention_dp = moe_tp * moe_ep ranks for each of pp stages. Attention, dense MLPs, shared
/// experts, embedding and head are split over `tp`; each expert over `moe_tp`; experts are dealt
/// to `moe_ep`.
struct ParallelSplit {
  std::int64_t tp = 1;
  std::int64_t pp = 1;
  std::int64_t attention_dp = 1;
  std::int64_t moe_tp = 1;
  std::int64_t moe_ep = 1;

  [[nodiscard]] std::int64_t ranks() const { return tp * attention_dp * pp; }

  /// vLLM's rule: with expert parallelism every rank holds whole experts, without it all ranks
  /// share each expert.
  [[nodiscard]] static ParallelSplit of(std::int64_t tp, std::int64_t attention_dp,
                                        bool expert_parallel, std::int64_t pp = 1) {
    const std::int64_t ranks = tp * attention_dp;
    return {tp, pp, attention_dp, expert_parallel ? 1 : ranks, expert_parallel ? ranks : 1};
  }
};

}  // namespace lockstep
