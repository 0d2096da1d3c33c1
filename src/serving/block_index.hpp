// The prefix cache's index: content hash -> the one block that holds this content.
//
// A flat open-addressing table (linear probing, deletion by shifting back), because it is probed
// for every block of every prompt. A slot is 8 bytes, so that a run of slots is one cache line: it
// has the half of the hash's low lane that finds its home; whole hashes lie beside, by block. It
// has no iteration, so nothing can depend on its order.
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
  /// Makes `block`, which holds nothing yet, the holder of `hash`; returns the former holder, which
  /// then holds nothing, or kNoBlock.
  BlockId assign(const BlockHash& hash, BlockId block);
  /// Forgets what `block` holds, which must be something.
  void erase(BlockId block);
  void clear();
  [[nodiscard]] std::size_t size() const { return size_; }

private:
  struct Slot {
    std::uint32_t low = 0;     ///< of the hash
    BlockId block = kNoBlock;  ///< kNoBlock: empty
  };

  static std::uint32_t low_of(const BlockHash& hash) {
    return static_cast<std::uint32_t>(hash.low);
  }
  [[nodiscard]] std::size_t home(std::uint32_t low) const { return low & mask_; }
  /// Slot of `hash`, or the empty slot where it belongs. The table must not be empty.
  [[nodiscard]] std::size_t locate(const BlockHash& hash) const;
  void grow();

  std::vector<Slot> slots_;        ///< a power of two, or none before the first assign
  std::vector<BlockHash> hashes_;  ///< by block; of one that holds nothing: no meaning
  std::size_t mask_ = 0;
  std::size_t size_ = 0;
};

}  // namespace lockstep
