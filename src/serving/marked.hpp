// A list of numbers, each at most once, that somebody notes and somebody else takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace lockstep {

class Marked {
public:
  explicit Marked(std::size_t count) : is_marked_(count, 0) {}

  void mark(std::int32_t number) {
    std::uint8_t& is = is_marked_[static_cast<std::size_t>(number)];
    if (is == 0) {
      is = 1;
      numbers_.push_back(number);
    }
  }
  void mark_all() {
    for (std::size_t number = 0; number < is_marked_.size(); ++number) {
      mark(static_cast<std::int32_t>(number));
    }
  }
  [[nodiscard]] bool empty() const { return numbers_.empty(); }
  /// Hands every marked number to `use`, in the order of the marks, and forgets them. What `use`
  /// marks is handed over too.
  template <class Use>
  void take(const Use& use) {
    for (std::size_t i = 0; i < numbers_.size(); ++i) {  // NOLINT(modernize-loop-convert): it grows
      const std::int32_t number = numbers_[i];
      is_marked_[static_cast<std::size_t>(number)] = 0;
      use(number);
    }
    numbers_.clear();
  }

private:
  std::vector<std::int32_t> numbers_;
  std::vector<std::uint8_t> is_marked_;
};

}  // namespace lockstep
