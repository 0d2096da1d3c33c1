#include "serving/block_pool.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace lockstep {

BlockPool::BlockPool(std::int64_t num_blocks, Bytes bytes_per_block, bool caching)
    : num_blocks_(num_blocks),
      num_free_(num_blocks),
      least_free_(num_blocks),
      bytes_per_block_(bytes_per_block),
      caching_(caching) {
  ensure(num_blocks >= 0 && num_blocks < std::int64_t{kNoBlock}, "BlockPool: bad number of blocks");
}

BlockId BlockPool::pop_head() {
  if (has_fresh()) {
    blocks_.emplace_back();
    return static_cast<BlockId>(blocks_.size() - 1);
  }
  const BlockId id = head_;
  unlink(blocks_[id]);
  return id;
}

void BlockPool::unlink(Block& block) {
  (block.previous == kNoBlock ? head_ : blocks_[block.previous].next) = block.next;
  (block.next == kNoBlock ? tail_ : blocks_[block.next].previous) = block.previous;
  block.previous = block.next = kNoBlock;
}

void BlockPool::append(BlockId id) {
  blocks_[id].previous = tail_;
  blocks_[id].next = kNoBlock;
  (tail_ == kNoBlock ? head_ : blocks_[tail_].next) = id;
  tail_ = id;
}

void BlockPool::forget_content(BlockId id) {
  Block& block = blocks_[id];
  if (block.indexed) {  // only free blocks lose their content
    index_.erase(id);
    --cached_free_;
  }
  block.indexed = block.hashed = false;
}

void BlockPool::get(std::int64_t count, std::vector<BlockId>& blocks) {
  ensure(count <= num_free_, "BlockPool: get() of more blocks than are free");
  for (std::int64_t i = 0; i < count; ++i) {
    const BlockId id = pop_head();
    forget_content(id);
    blocks_[id].refs = 1;
    blocks.push_back(id);
  }
  num_free_ -= count;
  least_free_ = std::min(least_free_, num_free_);
}

void BlockPool::touch(std::span<const BlockId> blocks) {
  for (const BlockId id : blocks) {
    Block& block = blocks_[id];
    if (block.refs == 0) {
      unlink(block);
      --num_free_;
      ensure(block.indexed, "BlockPool: only a block that the index names can be taken back");
      --cached_free_;
    }
    ++block.refs;
  }
  least_free_ = std::min(least_free_, num_free_);
}

void BlockPool::free(std::span<const BlockId> blocks) {
  for (const BlockId id : blocks) {
    Block& block = blocks_[id];
    ensure(block.refs > 0, "BlockPool: free() of a block that nobody refers to");
    if (--block.refs == 0) {
      append(id);
      ++num_free_;
      cached_free_ += block.indexed ? 1 : 0;
    }
  }
}

void BlockPool::index(BlockId id, const BlockHash& hash) {
  const BlockId former = index_.assign(hash, id);
  if (former != kNoBlock) {
    blocks_[former].indexed = false;
    cached_free_ -= blocks_[former].refs == 0 ? 1 : 0;
  }
  blocks_[id].hashed = blocks_[id].indexed = true;
}

void BlockPool::cache_full(std::span<const BlockHash> hashes, std::span<const BlockId> blocks,
                           std::int64_t first, std::int64_t last) {
  if (!caching_) {
    return;
  }
  for (std::int64_t i = first; i < last; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const BlockId id = blocks[at];
    ensure(blocks_[id].refs > 0, "BlockPool: only a block in use can be indexed");
    if (!blocks_[id].hashed) {
      index(id, hashes[at]);
    }
  }
}

bool BlockPool::cache_copy(const BlockHash& hash) {
  if (!caching_ || find(hash) != kNoBlock) {
    return false;
  }
  ensure(num_free_ > 0, "BlockPool: no free block for a copy");
  const BlockId id = pop_head();
  forget_content(id);
  index(id, hash);
  append(id);
  ++cached_free_;
  return true;
}

void BlockPool::reset() {
  blocks_.clear();
  index_.clear();
  head_ = tail_ = kNoBlock;
  num_free_ = least_free_ = num_blocks_;
  cached_free_ = 0;
}

void BlockPool::lose_contents() {
  ensure(all_free(), "BlockPool: contents are lost that somebody holds");
  const std::int64_t least_free = least_free_;
  reset();
  least_free_ = least_free;
}

std::int64_t BlockPool::ref_count(BlockId block) const {
  return block < blocks_.size() ? blocks_[block].refs : 0;
}

double BlockPool::usage() const {
  return static_cast<double>(num_used()) / static_cast<double>(num_blocks_);
}

std::vector<BlockId> BlockPool::free_list() const {
  std::vector<BlockId> list;
  list.reserve(static_cast<std::size_t>(num_free_));
  for (auto id = static_cast<BlockId>(blocks_.size()); std::int64_t{id} < num_blocks_; ++id) {
    list.push_back(id);
  }
  for (BlockId id = head_; id != kNoBlock; id = blocks_[id].next) {
    list.push_back(id);
  }
  return list;
}

}  // namespace lockstep
