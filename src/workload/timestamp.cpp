// Wall-clock timestamps of public traces.
#include <charconv>
#include <chrono>

#include "workload/public_trace.hpp"

namespace lockstep {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

/// Takes digits from the front of a text.
class Cursor {
public:
  explicit Cursor(std::string_view text) : text_(text) {}

  /// Exactly `digits` of them, up to `most`.
  bool number(std::size_t digits, int most, int& value) {
    const std::string_view part = text_.substr(0, digits);
    const auto [stop, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (part.size() != digits || error != std::errc{} || stop != part.data() + digits ||
        value < 0 || value > most) {
      return false;
    }
    text_.remove_prefix(digits);
    return true;
  }
  bool mark(std::string_view choices) {
    if (text_.empty() || choices.find(text_.front()) == std::string_view::npos) {
      return false;
    }
    last_ = text_.front();
    text_.remove_prefix(1);
    return true;
  }
  /// Digits behind a point, as nanoseconds; more than nine are cut.
  std::int64_t fraction() {
    std::int64_t nanos = 0;
    for (std::int64_t unit = kSecond / 10;
         !text_.empty() && text_.front() >= '0' && text_.front() <= '9';
         text_.remove_prefix(1), unit /= 10) {
      nanos += unit * (text_.front() - '0');
    }
    return nanos;
  }
  [[nodiscard]] char last() const { return last_; }
  [[nodiscard]] bool empty() const { return text_.empty(); }

private:
  std::string_view text_;
  char last_ = 0;
};

}  // namespace

std::optional<std::int64_t> nanos_of_timestamp(std::string_view text) {
  Cursor at(text);
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  const bool good = at.number(4, 2200, year) && at.mark("-") && at.number(2, 12, month) &&
                    at.mark("-") && at.number(2, 31, day) && at.mark(" T") &&
                    at.number(2, 23, hour) && at.mark(":") && at.number(2, 59, minute) &&
                    at.mark(":") && at.number(2, 60, second);
  namespace chrono = std::chrono;
  const chrono::year_month_day date{chrono::year(year), chrono::month(static_cast<unsigned>(month)),
                                    chrono::day(static_cast<unsigned>(day))};
  constexpr int kFirstYear = 1970;
  if (!good || !date.ok() || year < kFirstYear) {
    return std::nullopt;
  }
  std::int64_t nanos = at.mark(".") ? at.fraction() : 0;
  std::int64_t offset = 0;  // minutes east
  if (at.mark("+-")) {
    const int sign = at.last() == '-' ? -1 : 1;
    int hours = 0, minutes = 0;
    if (!at.number(2, 23, hours) || (at.mark(":") && !at.number(2, 59, minutes))) {
      return std::nullopt;
    }
    offset = sign * (hours * 60 + minutes);
  } else {
    at.mark("Z");
  }
  if (!at.empty()) {
    return std::nullopt;
  }
  const std::int64_t days = chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t seconds = ((days * 24 + hour) * 60 + minute - offset) * 60 + second;
  return seconds * kSecond + nanos;
}

}  // namespace lockstep
