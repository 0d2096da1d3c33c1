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
  /// A free NPU hears of an arrival when something else happens next, anywhere in the cluster.
  bool arrivals_wait_for_events = true;
  /// Token ids that NPUs fetch from their node's memory queue there for each other.
  bool token_ids_queue = true;
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
  /// The chunks of a collective are all of one size, although the last one has less left to carry.
  bool last_chunk_not_shortened = true;
  /// Queues of in-memory compute are numbered by the number of devices, so that channels of
  /// different nodes may share one.
  bool pim_queues_shared_by_nodes = true;
  /// Memory bandwidths and latencies are cut to integers.
  bool integer_memory_figures = true;

  // Cluster files and reports.
  /// Members of a DP group may differ in model or hardware; otherwise that is an error.
  bool unlike_group_members_pass = true;
  /// Ranks may be as many as do not divide the attention heads; otherwise that is an error.
  bool heads_split_unevenly = true;
  /// With attention in memory it is said that the DRAM's idle power is replaced, given or not.
  bool dram_idle_power_always_noted = true;
  /// The use of a CXL tier is printed as a fraction, in spite of its percent sign.
  bool cxl_use_is_a_fraction = true;

  // Memory.
  /// A model with tied embeddings pays for its embedding table twice.
  bool tied_embeddings_charged_twice = true;
  /// Weights that the placement puts off the NPU still take their room on it.
  bool placed_weights_occupy_npu = true;
  /// KV heads are cut even when there are fewer of them than ranks; otherwise they are replicated.
  bool kv_heads_split_without_limit = true;
  /// The KV part of attention's input counts values of the weights' type, whatever the cache holds.
  bool kv_read_in_weight_type = true;
  /// Every instance's own lower tier has the whole memory of the node (CPU) or cluster (CXL).
  bool private_tiers_have_all_memory = true;
  /// A hit in the lower tier does not make its chunks younger: it drops by age of writing.
  bool lower_tier_ignores_hits = true;
  /// Every rank fetches the KV of all ranks when a prefix is recalled.
  bool recall_counts_all_ranks = true;

  // Schedule.
  /// --skip-prefill leaves out the time stamps of the prompt, but computes it.
  bool skip_prefill_computes_prompt = true;
  /// A prompt chunk of one token that is not the last counts as no prompt token.
  bool one_token_chunks_uncounted = true;

  // Iterations.
  /// On expert ranks after the first, experts compute without waiting for the tokens' dispatch.
  bool experts_overlap_dispatch = true;
  /// The experts' exchange moves as many tokens as one member of the group has, not all of them.
  bool exchange_of_one_members_tokens = true;
  /// Round-robin expert routing begins at the first expert in every layer of every step.
  bool expert_round_robin_restarts = true;
  /// An MoE model with block copy off (and no placement per block) gets one block instead of all.
  bool single_block_without_copy = true;
  /// The output head's tensors, the stored token ids among them, have a row for every token of the
  /// step and not for every sequence.
  bool sampled_ids_of_all_tokens = true;
  /// Padding of a wave counts as sequences at the output head.
  bool padding_is_sampled = true;
  /// In-memory attention runs over the prompt's length, not over the context so far.
  bool pim_length_is_prompt = true;
  /// What follows in-memory attention is cut off from what came before, or from its results.
  bool pim_breaks_the_chain = true;
  /// An interleaved prefill step hands no KV over.
  bool sub_batches_hand_no_kv_over = true;

  // Energy.
  /// Embedding weights off the NPU are read whole by every rank.
  bool embedding_energy_not_split = true;
  /// Activations between stages are counted in elements instead of bytes.
  bool stage_energy_in_elements = true;
  /// A prefill instance pays link energy for activations that it does not send, beside its KV.
  bool prefill_energy_of_activations = true;
  /// KV that is written down to a lower tier costs no energy.
  bool write_down_costs_no_energy = true;
  /// Standby that is booked in several pieces comes out shorter than in one.
  bool standby_shrinks_when_split = true;
  /// Every busy instance adds its load to the CPU of its node, beyond what the CPU can draw.
  bool cpu_load_adds_up = true;
  /// The energy of a batch counts in the interval in which it begins, however long it runs.
  bool batch_energy_at_dispatch = true;
  /// A member of a group that runs dummies is in standby at the same time.
  bool dummies_are_standby = true;

  [[nodiscard]] static FidelityPolicy reference() { return {}; }
  [[nodiscard]] static FidelityPolicy for_mode(Fidelity mode);
};

}  // namespace lockstep
