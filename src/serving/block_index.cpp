#include "serving/block_index.hpp"

#include <utility>

#include "base/error.hpp"

namespace lockstep {
namespace {
constexpr std::size_t kFirstCapacity = 64;
}  // namespace

std::size_t BlockIndex::locate(const BlockHash& hash) const {
  std::size_t slot = home(hash);
  while (slots_[slot].block != kNoBlock && !(slots_[slot].hash == hash)) {
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
  slot.hash = hash;
  size_ += former == kNoBlock ? 1 : 0;
  return former;
}

void BlockIndex::erase(const BlockHash& hash) {
  ensure(find(hash) != kNoBlock, "BlockIndex: erase of a hash that is not indexed");
  std::size_t hole = locate(hash);
  // Pull back every later entry of the run that may lie at the hole, so that no probe stops early.
  for (std::size_t next = (hole + 1) & mask_; slots_[next].block != kNoBlock;
       next = (next + 1) & mask_) {
    const std::size_t distance_from_home = (next - home(slots_[next].hash)) & mask_;
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
  mask_ = 0;
  size_ = 0;
}

void BlockIndex::grow() {
  const std::vector<Slot> old = std::exchange(slots_, {});
  slots_.resize(old.empty() ? kFirstCapacity : 2 * old.size());
  mask_ = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.block != kNoBlock) {
      slots_[locate(slot.hash)] = slot;
    }
  }
}

}  // namespace lockstep
