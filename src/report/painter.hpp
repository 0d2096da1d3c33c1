// Lines of text with their colours: rules, titled rules, centred headings, labels, values. Without
// colours the same text remains, so that the two forms differ in escapes only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "report/terminal.hpp"

namespace lockstep {

/// Parameter of the escape sequence ESC[<style>m.
namespace style {
inline constexpr std::string_view kStrong = "1;35";  ///< dashes, brackets
inline constexpr std::string_view kTitle = "35";
inline constexpr std::string_view kLabel = "36";
inline constexpr std::string_view kNumber = "1;36";  ///< also the product's name
inline constexpr std::string_view kThroughput = "34";
}  // namespace style

class Painter {
public:
  Painter(std::int32_t width, bool colour) : width_(width), colour_(colour) {}
  explicit Painter(const Terminal& terminal) : Painter(terminal.width, terminal.colour) {}

  /// `text` in a style, or as it is without colours or when empty.
  [[nodiscard]] std::string paint(std::string_view style, std::string_view text) const;

  // Whole lines, with their line end.
  [[nodiscard]] std::string rule() const;
  [[nodiscard]] std::string titled_rule(std::string_view title) const;
  /// Titled rule of the banner: the title is the product's name.
  [[nodiscard]] std::string name_rule(std::string_view name) const;
  /// Padded to the full width on both sides.
  [[nodiscard]] std::string centred(std::string_view text) const;
  /// "▶ <text>".
  [[nodiscard]] std::string stage(std::string_view text) const;

  // Parts of lines.
  /// A configuration label padded to `width`; parentheses stand out.
  [[nodiscard]] std::string label(std::string_view text, std::int32_t width) const;
  /// A configuration value; numbers that stand alone stand out.
  [[nodiscard]] std::string value(std::string_view text) const;

private:
  [[nodiscard]] std::string rule_around(std::string_view title, const std::string& painted) const;

  std::int32_t width_;
  bool colour_;
};

/// Text columns of UTF-8 text without wide characters: the number of its code points.
[[nodiscard]] std::int32_t columns_of(std::string_view text);

}  // namespace lockstep
