// Every rule by which a run follows the reference where the physics alone would do otherwise.
// The engine asks this object; no other place knows which mode it is in.
#pragma once

#include "base/units.hpp"
#include "config/run_options.hpp"

namespace lockstep {

struct FidelityPolicy {
  /// When nothing runs anywhere the clock walks in steps of this length until a poll finds work.
  /// Zero: it jumps straight to the next arrival.
  Nanos idle_step{1'000'000};
  /// The last NPU of an instance asks before the first one, so it gets a new batch one event later.
  bool end_npu_joins_at_next_event = true;
  /// The queueing delay of a request is that of its last prompt chunk, not of its first.
  bool queuing_delay_of_last_chunk = true;
  /// A lower-tier hit may cover the whole sequence and then blocks the queue.
  bool lower_tier_hit_may_cover_all = true;
  /// A decode instance reserves the prefix hit on top of the prompt.
  bool decode_over_reserves_hits = true;
  /// With pipelines a token counts as computed when it is scheduled, not when its batch ends.
  bool tokens_count_when_scheduled = true;
  /// A prefill/decode pair runs one decode step even for a request of one output token.
  bool extra_decode_step_after_handoff = true;
  /// The hand-off message carries the computed tokens only, not the prefix hit.
  bool handoff_leaves_out_hits = true;
  /// One reduction bandwidth for the whole cluster: that of the last node's first instance.
  bool shared_reduction_bandwidth = true;
  /// Memory bandwidths and latencies are cut to integers.
  bool integer_memory_figures = true;

  [[nodiscard]] static FidelityPolicy reference() { return {}; }
  [[nodiscard]] static FidelityPolicy for_mode(Fidelity mode);
};

}  // namespace lockstep
