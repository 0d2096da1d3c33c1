#include "config/number_text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <system_error>

namespace lockstep {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view without_blanks(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\n\r\f\v";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

/// Takes digits with single underscores between them off the front; false when malformed.
bool take_digits(std::string_view& text, std::string& out) {
  const std::size_t before = out.size();
  while (!text.empty() && (is_digit(text.front()) || text.front() == '_')) {
    if (text.front() == '_') {
      if (out.size() == before || text.size() < 2 || !is_digit(text[1])) {
        return false;
      }
    } else {
      out += text.front();
    }
    text.remove_prefix(1);
  }
  return true;
}

void take_sign(std::string_view& text, std::string& out) {
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) {
    if (text.front() == '-') {
      out += '-';
    }
    text.remove_prefix(1);
  }
}

std::optional<double> special(std::string_view word, bool negative) {
  std::string lower(word);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (lower == "inf" || lower == "infinity") {
    const double value = std::numeric_limits<double>::infinity();
    return negative ? -value : value;
  }
  if (lower == "nan") {
    return std::numeric_limits<double>::quiet_NaN();
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> int_from_text(std::string_view text) {
  text = without_blanks(text);
  std::string digits;
  take_sign(text, digits);
  const std::size_t sign = digits.size();
  if (!take_digits(text, digits) || !text.empty() || digits.size() == sign) {
    return std::nullopt;
  }
  std::int64_t value = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (result.ec != std::errc{}) {
    return std::nullopt;
  }
  return value;
}

std::optional<double> float_from_text(std::string_view text) {
  text = without_blanks(text);
  std::string plain;
  take_sign(text, plain);
  const std::size_t sign = plain.size();
  if (const auto word = special(text, sign != 0)) {
    return word;
  }
  if (!take_digits(text, plain)) {
    return std::nullopt;
  }
  std::size_t digits = plain.size() - sign;
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    plain += '.';
    const std::size_t before = plain.size();
    if (!take_digits(text, plain)) {
      return std::nullopt;
    }
    digits += plain.size() - before;
  }
  if (digits == 0) {
    return std::nullopt;
  }
  if (!text.empty() && (text.front() == 'e' || text.front() == 'E')) {
    text.remove_prefix(1);
    plain += 'e';
    take_sign(text, plain);
    const std::size_t before = plain.size();
    if (!take_digits(text, plain) || plain.size() == before) {
      return std::nullopt;
    }
  }
  if (!text.empty()) {
    return std::nullopt;
  }
  double value = 0;
  const auto result = std::from_chars(plain.data(), plain.data() + plain.size(), value);
  if (result.ec == std::errc::result_out_of_range) {
    // from_chars leaves the value alone: infinite when the magnitude is large, zero when small.
    const bool small = plain.find("e-") != std::string::npos;
    const double magnitude = small ? 0.0 : std::numeric_limits<double>::infinity();
    return sign != 0 ? -magnitude : magnitude;
  }
  return value;
}

std::string float_text(double value) {
  if (std::isnan(value)) {
    return "nan";
  }
  if (std::isinf(value)) {
    return value < 0 ? "-inf" : "inf";
  }
  const double magnitude = std::fabs(value);
  const bool scientific = magnitude != 0 && (magnitude >= 1e16 || magnitude < 1e-4);
  char buffer[64];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, value,
                    scientific ? std::chars_format::scientific : std::chars_format::fixed);
  std::string text(buffer, end.ptr);
  if (!scientific && text.find('.') == std::string::npos) {
    text += ".0";
  }
  return text;
}

std::string plain_number_text(double value) {
  std::string text = float_text(value);
  if (text.size() > 2 && text.ends_with(".0")) {
    text.resize(text.size() - 2);
  }
  return text;
}

}  // namespace lockstep
