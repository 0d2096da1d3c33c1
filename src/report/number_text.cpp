#include "report/number_text.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <string_view>

namespace lockstep {
namespace {

/// The shortest digits of a finite value and the place of their decimal point: 0.<digits> *
/// 10^point.
struct Digits {
  std::string digits;
  int point = 0;
};

Digits shortest_digits(double magnitude) {
  std::array<char, 64> text{};
  const auto end =
      std::to_chars(text.begin(), text.end(), magnitude, std::chars_format::scientific).ptr;
  const std::string_view all(text.begin(), static_cast<std::size_t>(end - text.begin()));
  const std::size_t exponent_mark = all.find('e');
  Digits result;
  for (const char c : all.substr(0, exponent_mark)) {
    if (c != '.') {
      result.digits += c;
    }
  }
  result.point = std::atoi(std::string(all.substr(exponent_mark + 1)).c_str()) + 1;
  return result;
}

std::string with_exponent(const Digits& number) {
  std::string text = number.digits.substr(0, 1);
  if (number.digits.size() > 1) {
    text += '.' + number.digits.substr(1);
  }
  const int exponent = number.point - 1;
  return text + fmt::format("e{}{:02d}", exponent < 0 ? '-' : '+', std::abs(exponent));
}

std::string with_point(const Digits& number) {
  const int size = static_cast<int>(number.digits.size());
  if (number.point <= 0) {
    return "0." + std::string(static_cast<std::size_t>(-number.point), '0') + number.digits;
  }
  if (number.point >= size) {
    return number.digits + std::string(static_cast<std::size_t>(number.point - size), '0') + ".0";
  }
  const auto point = static_cast<std::size_t>(number.point);
  return number.digits.substr(0, point) + '.' + number.digits.substr(point);
}

}  // namespace

std::string fixed_text(double value, int decimals) {
  return fmt::format("{:.{}f}", value, decimals);
}

std::string shortest_text(double value) {
  if (std::isnan(value)) {
    return "nan";
  }
  const std::string sign = std::signbit(value) ? "-" : "";
  const double magnitude = std::fabs(value);
  if (std::isinf(magnitude)) {
    return sign + "inf";
  }
  const Digits number = shortest_digits(magnitude);
  // Plain notation between 1e-4 and 1e16, as in Python.
  const bool plain = magnitude == 0.0 || (number.point > -4 && number.point <= 16);
  return sign + (plain ? with_point(number) : with_exponent(number));
}

std::string general_text(double value) {
  return fmt::format("{:g}", value);
}

}  // namespace lockstep
