#include "report/packed_columns.hpp"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <vector>

namespace lockstep {
namespace {

using Json = nlohmann::ordered_json;

/// Differences of two such values are exact in a script's numbers, zigzagged too.
constexpr std::int64_t kLargest = std::int64_t{1} << 50;

std::optional<std::int64_t> whole(const Json& value) {
  if (value.is_boolean()) {
    return value.get<bool>() ? 1 : 0;
  }
  const bool fits = value.is_number_unsigned()
                        ? value.get<std::uint64_t>() <= std::uint64_t{kLargest}
                        : value.is_number_integer() && value.get<std::int64_t>() >= -kLargest &&
                              value.get<std::int64_t>() <= kLargest;
  return fits ? std::optional(value.get<std::int64_t>()) : std::nullopt;
}

void append_varint(std::vector<std::uint8_t>& out, std::int64_t difference) {
  auto rest =
      (static_cast<std::uint64_t>(difference) << 1) ^ static_cast<std::uint64_t>(difference >> 63);
  for (; rest >= 0x80; rest >>= 7) {
    out.push_back(static_cast<std::uint8_t>(rest | 0x80));
  }
  out.push_back(static_cast<std::uint8_t>(rest));
}

/// Nothing where a value is no whole number, or too large.
std::optional<std::vector<std::uint8_t>> bytes_of(const Json& column) {
  std::vector<std::uint8_t> bytes;
  bytes.reserve(column.size() * 4);
  std::int64_t above = 0;
  for (const Json& value : column) {
    const std::optional<std::int64_t> number = whole(value);
    if (!number) {
      return std::nullopt;
    }
    append_varint(bytes, *number - above);
    above = *number;
  }
  return bytes;
}

void append_base64(std::string& out, const std::vector<std::uint8_t>& bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t given = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t three = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      three = three << 8 | (k < given ? bytes[i + k] : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      out += k <= given ? kDigits[three >> (18 - 6 * k) & 63U] : '=';
    }
  }
}

}  // namespace

void PackedColumns::pack(Json& table) {
  for (Json& column : table) {
    const auto bytes = column.is_array() ? bytes_of(column) : std::nullopt;
    if (bytes) {
      append_base64(text_, *bytes);
      text_ += '\n';
      column = Json{{"line", lines_++}, {"rows", column.size()}};
    }
  }
}

}  // namespace lockstep
