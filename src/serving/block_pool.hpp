// The KV blocks of one memory tier: who is in use, who is free, what a free one still holds.
//
// A block is in the free list exactly when nobody refers to it. The list is taken from the head
// and given back at the tail, so the head is the least recently freed. A free block keeps its
// content and its index entry until it is taken again: eviction is only a side effect of get().
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/units.hpp"
#include "serving/block_index.hpp"

namespace lockstep {

/// All operations are O(1) per block. Not thread-safe.
class BlockPool {
public:
  /// `caching` false: nothing is ever indexed. At most 2^32 - 1 blocks.
  BlockPool(std::int64_t num_blocks, Bytes bytes_per_block, bool caching);

  /// Takes `count` blocks from the head of the free list and appends them to `blocks`. What they
  /// held is forgotten. At least that many must be free.
  void get(std::int64_t count, std::vector<BlockId>& blocks);
  /// One more reference to each; a free one leaves the free list.
  void touch(std::span<const BlockId> blocks);
  /// One reference less to each; those without any go to the tail of the free list in this order.
  void free(std::span<const BlockId> blocks);
  /// Indexes blocks[first..last) under hashes[first..last). A block that already carries a hash is
  /// skipped; an entry that points elsewhere is overwritten.
  void cache_full(std::span<const BlockHash> hashes, std::span<const BlockId> blocks,
                  std::int64_t first, std::int64_t last);
  /// Stores a copy of `hash` in a block that nobody refers to. False: caching is off, or the
  /// content is here already (its place in the free list stays).
  bool cache_copy(const BlockHash& hash);
  /// Back to the state after construction.
  void reset();
  /// The same, but for peak_used(); nobody may hold a block.
  void lose_contents();

  /// The block holding `hash`, or kNoBlock. Does not change the free order.
  [[nodiscard]] BlockId find(const BlockHash& hash) const { return index_.find(hash); }
  [[nodiscard]] std::int64_t ref_count(BlockId block) const;
  [[nodiscard]] bool caching() const { return caching_; }
  [[nodiscard]] std::int64_t num_blocks() const { return num_blocks_; }
  [[nodiscard]] std::int64_t num_free() const { return num_free_; }
  [[nodiscard]] std::int64_t num_used() const { return num_blocks_ - num_free_; }
  /// The most blocks that were in use at once.
  [[nodiscard]] std::int64_t peak_used() const { return num_blocks_ - least_free_; }
  [[nodiscard]] bool all_free() const { return num_free_ == num_blocks_; }
  [[nodiscard]] Bytes bytes_per_block() const { return bytes_per_block_; }
  /// Referred-to blocks and free ones that the index still points at.
  [[nodiscard]] Bytes used_bytes() const { return bytes_per_block_ * (num_used() + cached_free_); }
  /// Share of the blocks that somebody refers to, 0..1.
  [[nodiscard]] double usage() const;
  /// Head to tail. O(num_blocks); for tests and dumps.
  [[nodiscard]] std::vector<BlockId> free_list() const;

private:
  struct Block {
    BlockId previous = kNoBlock;  ///< links of the free list
    BlockId next = kNoBlock;
    std::int32_t refs = 0;
    bool hashed = false;   ///< it is full of known tokens
    bool indexed = false;  ///< and the index points here, not at a later block of equal content
  };

  [[nodiscard]] bool has_fresh() const {
    return static_cast<std::int64_t>(blocks_.size()) < num_blocks_;
  }
  BlockId pop_head();
  void unlink(Block& block);
  void append(BlockId id);
  void forget_content(BlockId id);
  void index(BlockId id, const BlockHash& hash);

  /// Blocks handed out at least once. Those never handed out, ids blocks_.size() and up, are the
  /// head of the free list in id order and need no storage yet.
  std::vector<Block> blocks_;
  BlockIndex index_;
  std::int64_t num_blocks_ = 0;
  std::int64_t num_free_ = 0;
  std::int64_t least_free_ = 0;   ///< so far
  std::int64_t cached_free_ = 0;  ///< index entries whose block is free
  Bytes bytes_per_block_;
  BlockId head_ = kNoBlock;
  BlockId tail_ = kNoBlock;
  bool caching_ = false;
};

}  // namespace lockstep
