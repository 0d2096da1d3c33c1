// The prefix cache's index: content hash -> the one block that holds this content.
//
// A flat open-addressing table (linear probing, deletion by shifting back), because it is probed
// for every block of every prompt. It has no iteration, so nothing can depend on its order.
#pragma once

#include <cstdint>
#include <vector>

#include "serving/request.hpp"

namespace lockstep {

/// Number of a block within its pool.
using BlockId = std::uint32_t;
inline constexpr BlockId kNoBlock = 0xffffffffU;

class BlockIndex {
public:
  /// The holder of `hash`, or kNoBlock.
  [[nodiscard]] BlockId find(const BlockHash& hash) const;
  /// Makes `block` the holder of `hash`; returns the former holder, or kNoBlock.
  BlockId assign(const BlockHash& hash, BlockId block);
  /// Forgets `hash`, which must be present.
  void erase(const BlockHash& hash);
  void clear();
  [[nodiscard]] std::size_t size() const { return size_; }

private:
  struct Slot {
    BlockHash hash;
    BlockId block = kNoBlock;  ///< kNoBlock: empty
  };

  [[nodiscard]] std::size_t home(const BlockHash& hash) const { return hash.low & mask_; }
  /// Slot of `hash`, or the empty slot where it belongs. The table must not be empty.
  [[nodiscard]] std::size_t locate(const BlockHash& hash) const;
  void grow();

  std::vector<Slot> slots_;  ///< a power of two, or none before the first assign
  std::size_t mask_ = 0;
  std::size_t size_ = 0;
};

}  // namespace lockstep
