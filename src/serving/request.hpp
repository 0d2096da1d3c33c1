// A request on its way through the engine, and what the result file says about it.
#pragma once

#include <cstdint>
#include <vector>

#include "base/units.hpp"
#include "workload/workload.hpp"

namespace lockstep {

enum class RequestStatus : std::uint8_t { waiting, running, preempted, finished };

/// 128-bit hash of a full block of tokens and all blocks before it. Never printed or ordered by.
struct BlockHash {
  std::uint64_t high = 0, low = 0;
  friend bool operator==(const BlockHash&, const BlockHash&) = default;
};

/// Units: tokens and ns. `-1` timestamps are not set.
struct Request {
  // What every step reads or writes stands first: few lines of memory for each token.
  std::int64_t output = 0;         ///< target total length: prompt + generated
  std::int64_t num_computed = 0;   ///< tokens whose KV exists or is scheduled
  std::int64_t num_tokens = 0;     ///< prompt + generated so far
  std::int64_t num_expected = 0;   ///< tokens that steps in flight will bring (asynchronous only)
  std::int64_t num_drafts = 0;     ///< tokens that a draft model has proposed
  std::int32_t num_in_flight = 0;  ///< batches that contain it and have not completed
  std::int32_t kv_slot = -1;       ///< its block table in the owner's KVCacheManager; -1: none
  RequestStatus status = RequestStatus::waiting;
  bool is_init = true;           ///< the first token is not produced yet
  bool prompt_in_place = false;  ///< it comes with the KV of its prompt
  bool stats_counted = false;    ///< prefix statistics count a request once
  /// The first instance that got it has filled in block_hashes (with none when it does not cache).
  bool hashed = false;
  std::int64_t input = 0;  ///< prompt tokens
  std::int64_t id = 0;
  Nanos recent_end{0};     ///< time of the last token
  std::vector<Nanos> itl;  ///< gaps between steps that brought tokens, as the engine counts them
  std::vector<BlockHash> block_hashes;

  Nanos arrival;
  std::int64_t priority = 0;                ///< lower: earlier
  std::int32_t lora = -1;                   ///< adapter; -1: none
  std::int32_t instance = 0;                ///< current owner
  const WorkloadRequest* source = nullptr;  ///< token ids and session; null for built-in requests

  Nanos end_time{-1}, latency{-1}, queuing_delay{-1}, ttft{-1}, tpot{-1};
  Nanos queued{-1};                ///< when the engine took it out of its inbox, between two steps
  std::int64_t npu_cache_hit = 0;  ///< tokens, of the last look-up
  std::int64_t prefix_cache_hit = 0;  ///< NPU and lower tier together
  std::int64_t num_preemptions = 0;

  void stamp_scheduled(Nanos now) { queuing_delay = now - arrival; }
  void stamp_first_token(Nanos now);
  void stamp_next_token(Nanos now);
  /// Sets end, latency and TPOT = (latency - TTFT) / (generated - 1), 0 for one generated token.
  void stamp_end(Nanos now);
};

}  // namespace lockstep
