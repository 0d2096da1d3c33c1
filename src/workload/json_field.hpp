// Values of one workload line, converted with the meaning of the format: whole numbers accept
// decimals (cut towards zero) and digits in quotes. Every failure names file, line and field.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "workload/workload.hpp"

namespace lockstep {

/// Largest token count of a request, and largest time, that is taken for meant.
inline constexpr std::int64_t kLargestNumber = std::int64_t{1} << 62;

/// What stood behind a key. Views reach into the line or the parser: valid until the next line.
struct JsonValue {
  enum class Kind : std::uint8_t { absent, integer, real, text, list, object, other };
  Kind kind = Kind::absent;
  std::int64_t integer = 0;
  double real = 0.0;
  std::string_view text;  ///< of a text: its characters; of a list: its JSON
};

struct LinePlace {
  std::string_view file;
  std::int64_t line = 0;
};

/// A key of a line, or of sub_requests[call] when call >= 0.
struct JsonField {
  const LinePlace& place;
  std::string_view name;
  std::int64_t call = -1;
  JsonValue value = {};
};

[[noreturn]] void fail_field(const JsonField& field, const std::string& problem,
                             const std::string& mend);

/// Any whole number of magnitude <= kLargestNumber. Throws UserError when absent or otherwise.
[[nodiscard]] std::int64_t read_integer(const JsonField& field);
/// As read_integer, and not negative.
[[nodiscard]] std::int64_t read_count(const JsonField& field);
/// Milliseconds, not negative, with decimals or without.
[[nodiscard]] Nanos read_milliseconds(const JsonField& field);
/// A list of 32-bit integers; absent: empty.
[[nodiscard]] TokenIds read_token_ids(const JsonField& field);

/// Whole number in a text: blanks around, a sign, digits with single underscores between them.
[[nodiscard]] std::optional<std::int64_t> parse_integer_text(std::string_view text);

}  // namespace lockstep
