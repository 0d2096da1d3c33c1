#include "perf/row_file.hpp"

#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

namespace lockstep {
namespace {

static_assert(sizeof(RowFileHeader) % alignof(NumberRow) == 0);
static_assert(sizeof(NumberRow) == 24 && std::is_trivially_copyable_v<NumberRow>);
static_assert(std::has_unique_object_representations_v<RowFileHeader>, "no gaps are written");

std::uint64_t checksum_of(RowFileHeader header, std::string_view rows) {
  header.checksum = 0;
  const XXH64_hash_t of_header = XXH3_64bits(&header, sizeof header);
  return XXH3_64bits_withSeed(rows.data(), rows.size(), of_header);
}

std::string_view bytes_of(std::span<const NumberRow> rows) {
  const void* begin = rows.data();
  return {static_cast<const char*>(begin), rows.size_bytes()};
}

/// The checksum of a file made with intent may fit.
bool sound(const NumberRow& row) {
  constexpr std::int32_t kLargestKey = 1'000'000'000;
  return std::isfinite(row.value) && std::ranges::all_of(row.keys, [](std::int32_t key) {
           return key >= 0 && key <= kLargestKey;
         });
}

}  // namespace

std::string encode_rows(const RowSource& source, std::span<const NumberRow> rows) {
  RowFileHeader header;
  header.source = source;
  header.rows = rows.size();
  header.checksum = checksum_of(header, bytes_of(rows));
  std::string bytes(sizeof header + rows.size_bytes(), '\0');
  std::memcpy(bytes.data(), &header, sizeof header);
  bytes.replace(sizeof header, rows.size_bytes(), bytes_of(rows));
  return bytes;
}

bool header_fits(const RowFileHeader& header, const RowSource& source, std::uint64_t file_bytes) {
  const std::uint64_t rows = (file_bytes - sizeof header) / sizeof(NumberRow);
  return file_bytes > sizeof header && header.magic == kRowMagic && header.format == kRowFormat &&
         header.source == source && header.rows == rows && rows > 0 &&
         file_bytes == sizeof header + rows * sizeof(NumberRow);
}

bool rows_fit(const RowFileHeader& header, std::span<const NumberRow> rows) {
  return checksum_of(header, bytes_of(rows)) == header.checksum && std::ranges::all_of(rows, sound);
}

std::optional<std::span<const NumberRow>> decode_rows(std::string_view bytes,
                                                      const RowSource& source) {
  RowFileHeader header;
  if (bytes.size() < sizeof header) {
    return std::nullopt;
  }
  std::memcpy(&header, bytes.data(), sizeof header);
  if (!header_fits(header, source, bytes.size())) {
    return std::nullopt;
  }
  const void* begin = bytes.data() + sizeof header;
  const std::span rows(static_cast<const NumberRow*>(begin), header.rows);
  return rows_fit(header, rows) ? std::optional(rows) : std::nullopt;
}

}  // namespace lockstep
