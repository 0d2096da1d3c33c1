// The KV cache of one instance: which NPU blocks hold which request's tokens, what earlier requests
// left behind, and one optional lower tier.
//
// Tokens are counted from the start of the request's sequence (prompt, then generated). The NPU
// pool is per rank (all ranks hold the same blocks of their share); the lower tier's sizes are of
// all ranks together. The request carries its slot, so a call costs no search.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/units.hpp"
#include "config/cluster.hpp"
#include "config/fidelity.hpp"
#include "serving/block_pool.hpp"
#include "serving/npu_kv_layout.hpp"
#include "serving/prefix_pool.hpp"
#include "serving/prefix_stats.hpp"
#include "serving/request.hpp"

namespace lockstep {

/// What the caches hold of a request's sequence. Tokens; multiples of the block size.
struct PrefixHit {
  std::vector<BlockId> blocks;  ///< on the NPU, in sequence order
  std::int64_t npu_tokens = 0;
  std::int64_t lower_tokens = 0;  ///< behind the NPU's, to be fetched
  std::int64_t lower_chunks = 0;  ///< chunks that the fetch moves; the first may overlap the NPU's

  [[nodiscard]] std::int64_t tokens() const { return npu_tokens + lower_tokens; }
  [[nodiscard]] bool any() const { return npu_tokens > 0 || lower_tokens > 0; }
};

/// Bytes that the next batch moves between the tiers.
struct TierTraffic {
  Bytes recalled;
  Bytes written_down;
};

/// Movable, not copyable. Not thread-safe. `lower` may be shared with other instances.
class KVCacheManager {
public:
  KVCacheManager(const NpuKvLayout& layout, bool prefix_caching, std::shared_ptr<PrefixPool> lower,
                 bool lower_hit_may_cover_all, bool lower_ignores_hits = true);
  KVCacheManager(KVCacheManager&&) = default;
  KVCacheManager& operator=(KVCacheManager&&) = default;
  KVCacheManager(const KVCacheManager&) = delete;
  KVCacheManager& operator=(const KVCacheManager&) = delete;

  /// Computes the block hashes of a request that no instance has seen yet, if this one caches.
  void prepare(Request& request) const;

  /// The longest cached prefix; changes nothing. The NPU never holds the last token. A lower-tier
  /// hit may be the whole sequence when the policy says so and the request is not `alone` (nothing
  /// else runs here, so that nothing could unblock it). Valid until the next call.
  const PrefixHit& look_up(const Request& request, bool alone);

  /// Tokens that look_up() would find in both tiers.
  [[nodiscard]] std::int64_t cached_tokens(const Request& request) const;

  /// Whether a total of `tokens` tokens fits, given the hit of a request without blocks.
  [[nodiscard]] bool fits(const Request& request, std::int64_t tokens, const PrefixHit& hit) const;

  /// Makes room for tokens [computed, computed + count), `computed` with hits: takes over the hit
  /// blocks, adds free ones, indexes what becomes full. False, and nothing changed, when there are
  /// too few free blocks. Hits only for a request without blocks. `ahead`: slots behind them that
  /// nobody has tokens for yet.
  bool allocate(Request& request, std::int64_t computed, std::int64_t count, const PrefixHit& hit,
                std::int64_t ahead = 0);
  bool allocate(Request& request, std::int64_t computed, std::int64_t count,
                std::int64_t ahead = 0);

  /// Gives all blocks back, last one first, so that the start of the sequence survives longest.
  void release(Request& request);

  /// Counts a first admission in the statistics of both tiers.
  void record_admission(Request& request);

  /// Traffic since the last call.
  TierTraffic drain_traffic();

  /// What nobody holds any more is forgotten, in a lower tier of its own as well; what was used at
  /// most is still known.
  void lose_contents();

  /// End of the run: empties the caches, the lower tier only if it is this instance's own.
  void reset();

  [[nodiscard]] const NpuKvLayout& layout() const { return layout_; }
  [[nodiscard]] bool prefix_caching() const { return npu_.caching(); }
  [[nodiscard]] const BlockPool& npu_pool() const { return npu_; }
  /// Per rank: blocks in use and free ones still indexed; without the weights.
  [[nodiscard]] Bytes npu_used_bytes() const { return npu_.used_bytes(); }
  [[nodiscard]] const PrefixStats& npu_stats() const { return stats_; }
  /// Null: no lower tier.
  [[nodiscard]] const PrefixPool* lower() const { return lower_.get(); }
  [[nodiscard]] Bytes lower_used_bytes() const;
  /// Blocks that some request still holds; not zero after a run is a leak.
  [[nodiscard]] std::int64_t blocks_in_use() const { return npu_.num_used(); }
  [[nodiscard]] std::int64_t blocks_for(std::int64_t tokens) const;
  /// In sequence order; empty for a request without blocks.
  [[nodiscard]] const std::vector<BlockId>& block_table(const Request& request) const;

private:
  struct Table {
    std::vector<BlockId> blocks;
    std::int64_t indexed =
        -1;  ///< leading blocks known to be indexed; -1: never had a hit or index
  };

  Table& table_of(Request& request);
  /// Free blocks that a total of `tokens` tokens would take.
  [[nodiscard]] std::int64_t blocks_needed(const Request& request, std::int64_t tokens,
                                           const PrefixHit& hit) const;
  void find_hit(const Request& request, bool alone, PrefixHit& hit) const;
  void find_lower_hit(const Request& request, bool may_cover_all, PrefixHit& hit) const;
  void refresh_lower(const Request& request, const PrefixHit& hit);
  void take_over(Table& table, const PrefixHit& hit);
  void index_full_blocks(const Request& request, Table& table, std::int64_t tokens);
  void write_down(const Request& request, std::int64_t first, std::int64_t last);

  NpuKvLayout layout_;
  BlockPool npu_;
  std::shared_ptr<PrefixPool> lower_;
  bool lower_hit_may_cover_all_;
  bool lower_ignores_hits_;
  std::int64_t blocks_per_chunk_ = 0;
  std::vector<Table> tables_;  ///< by Request::kv_slot
  std::vector<std::int32_t> free_slots_;
  TierTraffic traffic_;
  PrefixStats stats_;
  PrefixHit hit_;  ///< of the last look_up
};

/// Plans the NPU pool from the instance's memory (UserError as plan_npu_kv). `lower` may be null.
[[nodiscard]] KVCacheManager make_kv_cache_manager(const Instance& instance,
                                                   std::shared_ptr<PrefixPool> lower,
                                                   const FidelityPolicy& policy);

}  // namespace lockstep
