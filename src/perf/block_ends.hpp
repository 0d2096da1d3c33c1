// The blocks that run, the next one to end first: a queue whose times only go up. A new end lies at
// most one longest block behind the last that was taken, so that a ring of buckets holds them all.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace lockstep {

/// The order is that of the ends, whatever their spread; which of equal ones is taken first is not
/// defined. Emptied and used again, it allocates nothing.
class BlockEnds {
public:
  struct Block {
    double end = 0;
    std::int32_t id = 0;
    std::int32_t next = kNone;  ///< of its bucket
  };

  /// Empties it. `running`: blocks held at once. `longest`: what is put in lies no further behind
  /// the end taken last (0 at first); finite, not negative.
  void reset(std::size_t running, double longest);
  /// Only `running` times; the end is not below the one taken last.
  void push(double end, std::int32_t id) { put(added_++, end, id); }
  /// The least; there must be one.
  [[nodiscard]] Block pop() { return blocks_[take()]; }
  /// Takes the least and puts in what lies `work` behind it.
  Block replace(double work, std::int32_t id) {
    const std::size_t place = take();
    const Block taken = blocks_[place];
    put(place, taken.end + work, id);
    return taken;
  }

private:
  static constexpr std::size_t kBuckets = 4096;  ///< half of them cover one longest block
  static constexpr std::size_t kWord = 64;
  static constexpr std::int32_t kNone = -1;

  [[nodiscard]] std::size_t take();
  void put(std::size_t place, double end, std::int32_t id);
  [[nodiscard]] std::size_t open_next();
  void put_in_front(std::size_t place);
  void sort_front(std::size_t head);

  double scale_ = 0;            ///< buckets a unit
  std::int64_t current_ = 0;    ///< the bucket that is open, counted from 0
  std::int32_t front_ = kNone;  ///< its blocks, the least first
  std::array<std::int32_t, kBuckets> heads_{};
  std::array<std::uint64_t, kBuckets / kWord> used_{};  ///< a bit a bucket: its head counts
  std::vector<Block> blocks_;
  std::size_t added_ = 0;
  std::vector<std::pair<double, std::int32_t>> sorted_;
};

inline std::size_t BlockEnds::take() {
  const std::size_t place = front_ != kNone ? static_cast<std::size_t>(front_) : open_next();
  front_ = blocks_[place].next;
  return place;
}

inline void BlockEnds::put(std::size_t place, double end, std::int32_t id) {
  Block& block = blocks_[place];
  block.end = end;
  block.id = id;
  const auto bucket = static_cast<std::int64_t>(end * scale_);
  if (bucket <= current_) {
    put_in_front(place);
    return;
  }
  const std::size_t slot = static_cast<std::size_t>(bucket) % kBuckets;
  std::uint64_t& word = used_[slot / kWord];
  const std::uint64_t bit = std::uint64_t{1} << (slot % kWord);
  block.next = (word & bit) != 0 ? heads_[slot] : kNone;
  heads_[slot] = static_cast<std::int32_t>(place);
  word |= bit;
}

inline std::size_t BlockEnds::open_next() {
  const std::size_t from = static_cast<std::size_t>(current_ + 1) % kBuckets;
  std::size_t at = from / kWord;
  std::uint64_t word = used_[at] & (~std::uint64_t{0} << (from % kWord));
  while (word == 0) {
    at = (at + 1) % used_.size();
    word = used_[at];
  }
  const std::size_t slot = at * kWord + static_cast<std::size_t>(std::countr_zero(word));
  used_[at] &= ~(std::uint64_t{1} << (slot % kWord));
  current_ += 1 + static_cast<std::int64_t>((slot + kBuckets - from) % kBuckets);
  const auto head = static_cast<std::size_t>(heads_[slot]);
  if (blocks_[head].next == kNone) {
    return head;
  }
  sort_front(head);
  return static_cast<std::size_t>(front_);
}

}  // namespace lockstep
