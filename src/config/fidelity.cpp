#include "config/fidelity.hpp"

namespace lockstep {

FidelityPolicy FidelityPolicy::for_mode(Fidelity mode) {
  if (mode == Fidelity::reference) {
    return reference();
  }
  FidelityPolicy policy;
  policy.idle_step = Nanos{0};
  policy.end_npu_joins_at_next_event = false;
  policy.queuing_delay_of_last_chunk = false;
  policy.lower_tier_hit_may_cover_all = false;
  policy.decode_over_reserves_hits = false;
  policy.tokens_count_when_scheduled = false;
  policy.extra_decode_step_after_handoff = false;
  policy.handoff_leaves_out_hits = false;
  policy.shared_reduction_bandwidth = false;
  policy.integer_memory_figures = false;
  return policy;
}

}  // namespace lockstep
