#include "serving/kv_cache_manager.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.hpp"
#include "base/numeric.hpp"
#include "serving/block_hash.hpp"

namespace lockstep {
namespace {
const std::vector<BlockId> kNoBlocks;
const PrefixHit kNoHit;
}  // namespace

KVCacheManager::KVCacheManager(const NpuKvLayout& layout, bool prefix_caching,
                               std::shared_ptr<PrefixPool> lower, bool lower_hit_may_cover_all,
                               bool lower_ignores_hits)
    : layout_(layout),
      npu_(layout.blocks, layout.bytes_per_block, prefix_caching),
      lower_(prefix_caching ? std::move(lower) : nullptr),
      lower_hit_may_cover_all_(lower_hit_may_cover_all),
      lower_ignores_hits_(lower_ignores_hits) {
  if (lower_) {
    ensure(lower_->chunk_tokens % layout.block_size == 0,
           "KVCacheManager: a chunk of the lower tier is not a whole number of blocks");
    blocks_per_chunk_ = lower_->chunk_tokens / layout.block_size;
  }
}

void KVCacheManager::prepare(Request& request) const {
  if (request.hashed) {
    return;
  }
  request.hashed = true;
  if (!prefix_caching() || request.source == nullptr) {
    return;
  }
  const WorkloadRequest& source = *request.source;
  request.block_hashes =
      source.prefix_ids.empty()
          ? chain_block_hashes(source.input_ids, source.output_ids, layout_.block_size)
          : chain_prefix_id_hashes(source.prefix_ids, source.input_toks, layout_.block_size);
  if (request.lora >= 0) {
    of_adapter(request.block_hashes, request.lora);
  }
}

const PrefixHit& KVCacheManager::look_up(const Request& request, bool alone) {
  find_hit(request, alone, hit_);
  return hit_;
}

std::int64_t KVCacheManager::cached_tokens(const Request& request) const {
  PrefixHit hit;
  find_hit(request, true, hit);
  return hit.tokens();
}

void KVCacheManager::find_hit(const Request& request, bool alone, PrefixHit& hit) const {
  hit.blocks.clear();
  hit.npu_tokens = hit.lower_tokens = hit.lower_chunks = 0;
  if (!prefix_caching() || request.block_hashes.empty()) {
    return;
  }
  // The last token is always computed: its output is the next one.
  const auto most =
      std::min(static_cast<std::size_t>(std::max(request.num_tokens - 1, std::int64_t{0}) /
                                        layout_.block_size),
               request.block_hashes.size());
  for (std::size_t i = 0; i < most; ++i) {
    const BlockId block = npu_.find(request.block_hashes[i]);
    if (block == kNoBlock) {
      break;
    }
    hit.blocks.push_back(block);
  }
  hit.npu_tokens = static_cast<std::int64_t>(hit.blocks.size()) * layout_.block_size;
  if (lower_) {
    find_lower_hit(request, lower_hit_may_cover_all_ && !alone, hit);
  }
}

void KVCacheManager::find_lower_hit(const Request& request, bool may_cover_all,
                                    PrefixHit& hit) const {
  const std::int64_t chunk = lower_->chunk_tokens;
  const std::int64_t most = (may_cover_all ? request.num_tokens : request.num_tokens - 1) / chunk;
  const std::int64_t start = hit.npu_tokens / chunk;  // the chunk that straddles the NPU's hit too
  if (most * chunk - hit.npu_tokens < chunk) {
    return;
  }
  std::int64_t end = start;
  for (; end < most; ++end) {
    const auto last_block = static_cast<std::size_t>((end + 1) * blocks_per_chunk_ - 1);
    if (last_block >= request.block_hashes.size() ||
        lower_->blocks.find(request.block_hashes[last_block]) == kNoBlock) {
      break;
    }
  }
  const std::int64_t gain = chunk * end - hit.npu_tokens;
  if (end > start && gain >= chunk) {
    hit.lower_tokens = gain;
    hit.lower_chunks = end - start;
  }
}

std::int64_t KVCacheManager::blocks_for(std::int64_t tokens) const {
  return ceil_div(tokens, layout_.block_size);
}

std::int64_t KVCacheManager::blocks_needed(const Request& request, std::int64_t tokens,
                                           const PrefixHit& hit) const {
  const std::int64_t held = std::ssize(block_table(request));
  const std::int64_t fresh = blocks_for(tokens) - std::ssize(hit.blocks) - held;
  // Hit blocks that nobody uses leave the free list as well.
  const auto idle_hits = std::count_if(hit.blocks.begin(), hit.blocks.end(),
                                       [&](BlockId id) { return npu_.ref_count(id) == 0; });
  return std::max(fresh, std::int64_t{0}) + idle_hits;
}

bool KVCacheManager::fits(const Request& request, std::int64_t tokens, const PrefixHit& hit) const {
  return blocks_needed(request, tokens, hit) <= npu_.num_free();
}

KVCacheManager::Table& KVCacheManager::table_of(Request& request) {
  if (request.kv_slot < 0) {
    if (free_slots_.empty()) {
      free_slots_.push_back(static_cast<std::int32_t>(tables_.size()));
      tables_.emplace_back();
    }
    request.kv_slot = free_slots_.back();
    free_slots_.pop_back();
  }
  return tables_[static_cast<std::size_t>(request.kv_slot)];
}

bool KVCacheManager::allocate(Request& request, std::int64_t computed, std::int64_t count,
                              std::int64_t ahead) {
  return allocate(request, computed, count, kNoHit, ahead);
}

bool KVCacheManager::allocate(Request& request, std::int64_t computed, std::int64_t count,
                              const PrefixHit& hit, std::int64_t ahead) {
  const std::int64_t tokens = computed + count;
  if (!fits(request, tokens + ahead, hit)) {
    return false;
  }
  Table& table = table_of(request);
  if (hit.any()) {
    if (hit.lower_chunks > 0 && !lower_ignores_hits_) {
      refresh_lower(request, hit);
    }
    take_over(table, hit);  // before new blocks are taken, so that they cannot be the hit ones
  }
  const std::int64_t missing = blocks_for(tokens + ahead) - std::ssize(table.blocks);
  if (missing > 0) {
    // All it will ever hold, so that no later step takes memory.
    const std::int64_t most = std::min(blocks_for(request.output), layout_.blocks);
    table.blocks.reserve(static_cast<std::size_t>(std::max(most, std::int64_t{0})));
    npu_.get(missing, table.blocks);
  }
  if (prefix_caching()) {
    index_full_blocks(request, table, std::min(tokens, request.num_tokens));
  }
  return true;
}

void KVCacheManager::take_over(Table& table, const PrefixHit& hit) {
  ensure(table.indexed < 0 && table.blocks.empty(),
         "KVCacheManager: a prefix hit for a request that has blocks already");
  npu_.touch(hit.blocks);
  table.blocks = hit.blocks;
  table.indexed = std::ssize(table.blocks);
  if (hit.lower_chunks > 0) {
    traffic_.recalled += lower_->blocks.bytes_per_block() * hit.lower_chunks;
  }
}

/// Moves the chunks of a hit to the young end of the lower tier.
void KVCacheManager::refresh_lower(const Request& request, const PrefixHit& hit) {
  const std::int64_t first = hit.npu_tokens / lower_->chunk_tokens;
  for (std::int64_t chunk = first; chunk < first + hit.lower_chunks; ++chunk) {
    const auto last_block = static_cast<std::size_t>((chunk + 1) * blocks_per_chunk_ - 1);
    const BlockId id = lower_->blocks.find(request.block_hashes[last_block]);
    if (id != kNoBlock) {
      const std::array chunk_block{id};
      lower_->blocks.touch(chunk_block);
      lower_->blocks.free(chunk_block);
    }
  }
}

void KVCacheManager::index_full_blocks(const Request& request, Table& table, std::int64_t tokens) {
  const std::int64_t full =
      std::min(tokens / layout_.block_size, std::int64_t{std::ssize(request.block_hashes)});
  const std::int64_t before = std::max(table.indexed, std::int64_t{0});
  if (before >= full) {
    return;
  }
  ensure(full <= std::ssize(table.blocks), "KVCacheManager: fewer blocks than tokens");
  npu_.cache_full(request.block_hashes, table.blocks, before, full);
  table.indexed = full;
  if (lower_) {
    write_down(request, before, full);
  }
}

void KVCacheManager::write_down(const Request& request, std::int64_t first, std::int64_t last) {
  // Rounded down: a chunk that an earlier call left incomplete is complete now.
  for (std::int64_t chunk = first / blocks_per_chunk_; chunk < last / blocks_per_chunk_; ++chunk) {
    const auto last_block = static_cast<std::size_t>((chunk + 1) * blocks_per_chunk_ - 1);
    if (lower_->blocks.cache_copy(request.block_hashes[last_block])) {
      traffic_.written_down += lower_->blocks.bytes_per_block();
    }
  }
}

void KVCacheManager::release(Request& request) {
  if (request.kv_slot < 0) {
    return;
  }
  Table& table = tables_[static_cast<std::size_t>(request.kv_slot)];
  std::reverse(table.blocks.begin(), table.blocks.end());
  npu_.free(table.blocks);
  table.blocks.clear();
  table.indexed = -1;
  free_slots_.push_back(request.kv_slot);
  request.kv_slot = -1;
}

void KVCacheManager::record_admission(Request& request) {
  if (!prefix_caching() || request.stats_counted) {
    return;
  }
  request.stats_counted = true;
  stats_.requested += request.input;
  stats_.hit += request.npu_cache_hit;
  if (lower_) {
    lower_->stats.requested += request.input;
    lower_->stats.hit += request.prefix_cache_hit - request.npu_cache_hit;
  }
}

TierTraffic KVCacheManager::drain_traffic() {
  return std::exchange(traffic_, {});
}

void KVCacheManager::reset() {
  if (!prefix_caching()) {
    return;
  }
  npu_.reset();
  if (lower_ && !lower_->shared) {
    lower_->blocks.reset();
  }
}

void KVCacheManager::lose_contents() {
  npu_.lose_contents();
  traffic_ = {};
  if (lower_ && !lower_->shared) {
    lower_->blocks.lose_contents();
  }
}

Bytes KVCacheManager::lower_used_bytes() const {
  return lower_ ? lower_->blocks.used_bytes() : Bytes{};
}

const std::vector<BlockId>& KVCacheManager::block_table(const Request& request) const {
  return request.kv_slot < 0 ? kNoBlocks
                             : tables_[static_cast<std::size_t>(request.kv_slot)].blocks;
}

KVCacheManager make_kv_cache_manager(const Instance& instance, std::shared_ptr<PrefixPool> lower,
                                     const FidelityPolicy& policy) {
  return {plan_npu_kv(instance, policy), instance.enable_prefix_caching, std::move(lower),
          policy.lower_tier_hit_may_cover_all, policy.lower_tier_ignores_hits};
}

}  // namespace lockstep
