#include "report/painter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

namespace lockstep {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

std::string repeated(std::string_view piece, std::int32_t times) {
  std::string text;
  for (std::int32_t i = 0; i < times; ++i) {
    text += piece;
  }
  return text;
}

std::string dashes(std::int32_t count) {
  return repeated("─", count);
}

std::string blanks(std::int32_t count) {
  return repeated(" ", count);
}

/// End of the number that starts at `begin`, or `begin` when none starts there.
std::size_t number_end(std::string_view text, std::size_t begin) {
  if (!is_digit(text[begin]) ||
      (begin > 0 && (is_word(text[begin - 1]) || text[begin - 1] == '.'))) {
    return begin;
  }
  std::size_t end = begin;
  while (end < text.size() && is_digit(text[end])) {
    ++end;
  }
  if (end + 1 < text.size() && text[end] == '.' && is_digit(text[end + 1])) {
    ++end;
    while (end < text.size() && is_digit(text[end])) {
      ++end;
    }
  }
  return end < text.size() && is_word(text[end]) ? begin : end;
}

/// Splits at the characters of `marks`, which are painted `mark_style`; the rest is `rest_style`.
std::string paint_marks(const Painter& painter, std::string_view text, std::string_view marks,
                        std::string_view mark_style, std::string_view rest_style) {
  std::string painted;
  while (!text.empty()) {
    const std::size_t at = std::min(text.find_first_of(marks), text.size());
    painted += painter.paint(rest_style, text.substr(0, at));
    text.remove_prefix(at);
    if (!text.empty()) {
      painted += painter.paint(mark_style, text.substr(0, 1));
      text.remove_prefix(1);
    }
  }
  return painted;
}

/// The number of "Instance [3]" is emphasised like its brackets.
std::string paint_title(const Painter& painter, std::string_view title) {
  const std::size_t open = title.find('[');
  const std::size_t close = title.find(']');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
    return paint_marks(painter, title, "()", style::kStrong, style::kTitle);
  }
  return painter.paint(style::kTitle, title.substr(0, open)) + painter.paint(style::kStrong, "[") +
         painter.paint(style::kStrong, title.substr(open + 1, close - open - 1)) +
         painter.paint(style::kStrong, "]") + painter.paint(style::kTitle, title.substr(close + 1));
}

}  // namespace

std::int32_t columns_of(std::string_view text) {
  constexpr unsigned kContinuationMask = 0xC0U;
  constexpr unsigned kContinuation = 0x80U;
  return static_cast<std::int32_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & kContinuationMask) != kContinuation;
  }));
}

std::string Painter::paint(std::string_view style, std::string_view text) const {
  if (!colour_ || text.empty()) {
    return std::string(text);
  }
  return fmt::format("\x1b[{}m{}\x1b[0m", style, text);
}

std::string Painter::rule() const {
  return paint(style::kStrong, dashes(width_)) + '\n';
}

std::string Painter::rule_around(std::string_view title, const std::string& painted) const {
  const std::int32_t columns = columns_of(title);
  const std::int32_t side = std::max((width_ - columns) / 2, 2);
  const std::int32_t right = std::max(width_ - side - columns - 1, 1);
  return paint(style::kStrong, dashes(side - 1) + ' ') + painted +
         paint(style::kStrong, ' ' + dashes(right)) + '\n';
}

std::string Painter::titled_rule(std::string_view title) const {
  return rule_around(title, paint_title(*this, title));
}

std::string Painter::name_rule(std::string_view name) const {
  return rule_around(name, paint(style::kNumber, name));
}

std::string Painter::centred(std::string_view text) const {
  const std::int32_t excess = std::max(width_ - columns_of(text), 0);
  return blanks(excess / 2) + paint(style::kTitle, text) + blanks(excess - excess / 2) + '\n';
}

std::string Painter::stage(std::string_view text) const {
  return paint(style::kNumber, fmt::format("▶ {}", text)) + '\n';
}

std::string Painter::label(std::string_view text, std::int32_t width) const {
  const std::string padded = std::string(text) + blanks(width - columns_of(text));
  return paint_marks(*this, padded, "()", style::kNumber, style::kLabel);
}

std::string Painter::value(std::string_view text) const {
  if (!colour_) {
    return std::string(text);
  }
  std::string painted;
  std::size_t i = 0;
  while (i < text.size()) {
    const std::size_t end = number_end(text, i);
    if (end > i) {
      painted += paint(style::kNumber, text.substr(i, end - i));
      i = end;
    } else {
      painted += text[i++];
    }
  }
  return painted;
}

}  // namespace lockstep
