#include "config/fidelity.hpp"

namespace lockstep {

FidelityPolicy FidelityPolicy::for_mode(Fidelity mode) {
  if (mode == Fidelity::reference) {
    return reference();
  }
  FidelityPolicy policy;
  policy.idle_step = Nanos{0};
  policy.arrivals_wait_for_events = false;
  policy.token_ids_queue = false;
  policy.end_npu_joins_at_next_event = false;
  policy.queuing_delay_of_last_chunk = false;
  policy.lower_tier_hit_may_cover_all = false;
  policy.decode_over_reserves_hits = false;
  policy.tokens_count_when_scheduled = false;
  policy.extra_decode_step_after_handoff = false;
  policy.handoff_leaves_out_hits = false;
  policy.shared_reduction_bandwidth = false;
  policy.last_chunk_not_shortened = false;
  policy.pim_queues_shared_by_nodes = false;
  policy.integer_memory_figures = false;
  policy.unlike_group_members_pass = false;
  policy.heads_split_unevenly = false;
  policy.dram_idle_power_always_noted = false;
  policy.cxl_use_is_a_fraction = false;
  policy.tied_embeddings_charged_twice = false;
  policy.placed_weights_occupy_npu = false;
  policy.kv_heads_split_without_limit = false;
  policy.kv_read_in_weight_type = false;
  policy.private_tiers_have_all_memory = false;
  policy.lower_tier_ignores_hits = false;
  policy.recall_counts_all_ranks = false;
  policy.skip_prefill_computes_prompt = false;
  policy.one_token_chunks_uncounted = false;
  policy.experts_overlap_dispatch = false;
  policy.exchange_of_one_members_tokens = false;
  policy.expert_round_robin_restarts = false;
  policy.single_block_without_copy = false;
  policy.sampled_ids_of_all_tokens = false;
  policy.padding_is_sampled = false;
  policy.pim_length_is_prompt = false;
  policy.pim_breaks_the_chain = false;
  policy.sub_batches_hand_no_kv_over = false;
  policy.embedding_energy_not_split = false;
  policy.stage_energy_in_elements = false;
  policy.prefill_energy_of_activations = false;
  policy.write_down_costs_no_energy = false;
  policy.standby_shrinks_when_split = false;
  policy.cpu_load_adds_up = false;
  policy.batch_energy_at_dispatch = false;
  policy.dummies_are_standby = false;
  return policy;
}

}  // namespace lockstep
