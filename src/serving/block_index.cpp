#include "serving/block_index.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"

namespace lockstep {
namespace {
constexpr std::size_t kFirstCapacity = 64;
}  // namespace

std::size_t BlockIndex::locate(const BlockHash& hash) const {
  const std::uint32_t low = low_of(hash);
  std::size_t slot = home(low);
  while (slots_[slot].block != kNoBlock &&
         !(slots_[slot].low == low && hashes_[slots_[slot].block] == hash)) {
    slot = (slot + 1) & mask_;
  }
  return slot;
}

BlockId BlockIndex::find(const BlockHash& hash) const {
  return slots_.empty() ? kNoBlock : slots_[locate(hash)].block;
}

BlockId BlockIndex::assign(const BlockHash& hash, BlockId block) {
  if (2 * (size_ + 1) > slots_.size()) {
    grow();
  }
  Slot& slot = slots_[locate(hash)];
  const BlockId former = std::exchange(slot.block, block);
  slot.low = low_of(hash);
  if (block >= hashes_.size()) {
    hashes_.resize(std::max(std::size_t{block} + 1, 2 * hashes_.size()));
  }
  hashes_[block] = hash;
  size_ += former == kNoBlock ? 1 : 0;
  return former;
}

void BlockIndex::erase(BlockId block) {
  ensure(block < hashes_.size() && size_ > 0, "BlockIndex: erase of a block that holds nothing");
  std::size_t hole = home(low_of(hashes_[block]));
  while (slots_[hole].block != block) {
    ensure(slots_[hole].block != kNoBlock, "BlockIndex: erase of a block that holds nothing");
    hole = (hole + 1) & mask_;
  }
  // Pull back every later entry of the run that may lie at the hole, so that no probe stops early.
  for (std::size_t next = (hole + 1) & mask_; slots_[next].block != kNoBlock;
       next = (next + 1) & mask_) {
    const std::size_t distance_from_home = (next - home(slots_[next].low)) & mask_;
    const std::size_t distance_from_hole = (next - hole) & mask_;
    if (distance_from_home >= distance_from_hole) {
      slots_[hole] = slots_[next];
      hole = next;
    }
  }
  slots_[hole].block = kNoBlock;
  --size_;
}

void BlockIndex::clear() {
  slots_.clear();
  hashes_.clear();
  mask_ = 0;
  size_ = 0;
}

void BlockIndex::grow() {
  const std::vector<Slot> old = std::exchange(slots_, {});
  slots_.resize(old.empty() ? kFirstCapacity : 2 * old.size());
  mask_ = slots_.size() - 1;
  for (const Slot& entry : old) {
    if (entry.block != kNoBlock) {  // all differ: the first empty slot is the place
      std::size_t slot = home(entry.low);
      while (slots_[slot].block != kNoBlock) {
        slot = (slot + 1) & mask_;
      }
      slots_[slot] = entry;
    }
  }
}

}  // namespace lockstep
