// Strong types for the two quantities that every room exchanges: time and size.
//
// Nanos is a duration or an instant counted from the start of the simulation, in integer
// nanoseconds. Bytes is a size. Neither converts to the other or to a plain number by itself:
// `count()` takes the number out, the explicit constructor puts it in.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace lockstep {

template <class Tag>
class Quantity {
public:
  constexpr Quantity() = default;
  explicit constexpr Quantity(std::int64_t count) : count_(count) {}

  [[nodiscard]] constexpr std::int64_t count() const { return count_; }
  [[nodiscard]] static constexpr Quantity max() {
    return Quantity{std::numeric_limits<std::int64_t>::max()};
  }

  constexpr Quantity& operator+=(Quantity other) {
    count_ += other.count_;
    return *this;
  }
  constexpr Quantity& operator-=(Quantity other) {
    count_ -= other.count_;
    return *this;
  }
  friend constexpr Quantity operator+(Quantity a, Quantity b) {
    return Quantity{a.count_ + b.count_};
  }
  friend constexpr Quantity operator-(Quantity a, Quantity b) {
    return Quantity{a.count_ - b.count_};
  }
  friend constexpr Quantity operator*(Quantity a, std::int64_t factor) {
    return Quantity{a.count_ * factor};
  }
  friend constexpr Quantity operator*(std::int64_t factor, Quantity a) { return a * factor; }
  friend constexpr Quantity operator/(Quantity a, std::int64_t divisor) {
    return Quantity{a.count_ / divisor};
  }
  friend constexpr std::int64_t operator/(Quantity a, Quantity b) { return a.count_ / b.count_; }
  friend constexpr auto operator<=>(Quantity, Quantity) = default;

private:
  std::int64_t count_ = 0;
};

using Nanos = Quantity<struct NanosTag>;
using Bytes = Quantity<struct BytesTag>;

inline constexpr std::int64_t kGiB = std::int64_t{1} << 30;
inline constexpr std::int64_t kMiB = std::int64_t{1} << 20;

}  // namespace lockstep
