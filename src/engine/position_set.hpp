// A set of the numbers below a bound, with the next one at or after a place found in constant time:
// bits in words, and above them words that say which words are not empty.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lockstep {

class PositionSet {
public:
  explicit PositionSet(std::size_t bound) : bound_(bound) {
    do {
      bound = (bound + kBits - 1) / kBits;
      levels_.emplace_back(bound, 0);
    } while (bound > 1);
  }

  [[nodiscard]] bool has(std::size_t number) const {
    return (levels_[0][number / kBits] >> (number % kBits) & 1U) != 0;
  }
  void insert(std::size_t number) {
    for (auto& level : levels_) {
      level[number / kBits] |= Word{1} << (number % kBits);
      number /= kBits;
    }
  }
  void erase(std::size_t number) {
    for (auto& level : levels_) {
      Word& word = level[number / kBits];
      word &= ~(Word{1} << (number % kBits));
      if (word != 0) {
        return;
      }
      number /= kBits;
    }
  }
  /// The least number from `number` on; the bound, or more, when there is none.
  [[nodiscard]] std::size_t next(std::size_t number) const {
    std::size_t level = 0;
    while (level < levels_.size()) {
      const std::size_t index = number / kBits;
      if (index >= levels_[level].size()) {
        return bound_;
      }
      const Word rest = levels_[level][index] >> (number % kBits);
      if (rest != 0) {
        return descend(level, number + static_cast<std::size_t>(std::countr_zero(rest)));
      }
      number = index + 1;
      ++level;
    }
    return bound_;
  }

private:
  using Word = std::uint64_t;
  static constexpr std::size_t kBits = 64;

  [[nodiscard]] std::size_t descend(std::size_t level, std::size_t number) const {
    while (level-- > 0) {
      number = number * kBits + static_cast<std::size_t>(std::countr_zero(levels_[level][number]));
    }
    return number;
  }

  std::size_t bound_;
  std::vector<std::vector<Word>> levels_;
};

}  // namespace lockstep
