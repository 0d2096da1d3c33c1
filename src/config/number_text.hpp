// Numbers as text, by the rules that the field's command lines and files are written for:
// int() and float() of Python, and its shortest round-trip form.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lockstep {

/// Sign, decimal digits, single underscores between digits, blanks around. Nothing otherwise, and
/// nothing beyond 64 bits.
[[nodiscard]] std::optional<std::int64_t> int_from_text(std::string_view text);
/// As above with fraction and exponent, or inf, infinity, nan in any case.
[[nodiscard]] std::optional<double> float_from_text(std::string_view text);

/// "16.0", "13.86", "1e+16", "inf": shortest form that reads back to the same double.
[[nodiscard]] std::string float_text(double value);
/// As float_text, without the point when the value is integral: "16".
[[nodiscard]] std::string plain_number_text(double value);

}  // namespace lockstep
