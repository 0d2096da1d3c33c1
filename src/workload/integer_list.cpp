#include "workload/integer_list.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

namespace lockstep {
namespace {

/// The value of the up to seven digits at `text`, of which eight characters must be readable, all
/// digits at once and without branches: ids have one to six digits in no predictable order. Gives
/// their number, or 0 when there are more.
std::ptrdiff_t leading_digits(const char* text, std::int64_t& value) {
  static_assert(std::endian::native == std::endian::little);
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, text, sizeof bytes);
  bytes ^= 0x3030303030303030U;  // a digit becomes its value, anything else is 10 or more
  const std::uint64_t others = ((bytes + 0x7676767676767676U) | bytes) & 0x8080808080808080U;
  const int digits = std::countr_zero(others) / 8;
  if (digits == 0 || digits == 8) {
    return 0;
  }
  bytes <<= 64 - 8 * digits;  // leading zeros
  bytes = bytes * 10 + (bytes >> 8U);
  bytes = ((bytes & 0x000000ff000000ffU) * 0x000f424000000064U +
           ((bytes >> 16U) & 0x000000ff000000ffU) * 0x0000271000000001U) >>
          32U;
  value = static_cast<std::int64_t>(bytes & 0xffffffffU);
  return digits;
}

class Scanner {
public:
  explicit Scanner(std::string_view text) : next_(text.data()), end_(text.data() + text.size()) {}

  /// Skips blanks and gives the character there, not consumed; '\0' at the end.
  char peek() {
    while (next_ != end_ && (*next_ == ' ' || *next_ == '\t' || *next_ == '\n' || *next_ == '\r')) {
      ++next_;
    }
    return next_ == end_ ? '\0' : *next_;
  }
  void skip() { ++next_; }

  bool integer(std::int32_t& result) {
    const bool negative = peek() == '-';
    if (negative) {
      skip();
    }
    const char* first = next_;
    std::int64_t value = 0;
    if (end_ - next_ >= 8) {
      next_ += leading_digits(next_, value);
    }
    while (next_ != end_ && *next_ >= '0' && *next_ <= '9' && value <= kLargest) {
      value = value * 10 + (*next_++ - '0');
    }
    const auto digits = next_ - first;
    if (digits == 0 || (digits > 1 && *first == '0') || value > kLargest + (negative ? 1 : 0)) {
      return false;
    }
    result = static_cast<std::int32_t>(negative ? -value : value);
    return true;
  }

private:
  static constexpr std::int64_t kLargest = std::numeric_limits<std::int32_t>::max();
  const char* next_;
  const char* end_;
};

}  // namespace

bool parse_integer_list(std::string_view json, TokenIds& ids) {
  Scanner scan(json);
  if (scan.peek() != '[') {
    return false;
  }
  scan.skip();
  if (scan.peek() == ']') {
    scan.skip();
    return scan.peek() == '\0';
  }
  ids.reserve(ids.size() + static_cast<std::size_t>(std::count(json.begin(), json.end(), ',')) + 1);
  while (true) {
    std::int32_t id = 0;
    if (!scan.integer(id)) {
      return false;
    }
    const char separator = scan.peek();
    if (separator != ',' && separator != ']') {
      return false;
    }
    ids.push_back(id);
    scan.skip();
    if (separator == ']') {
      return scan.peek() == '\0';
    }
  }
}

}  // namespace lockstep
