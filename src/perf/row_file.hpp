// The rows of a bundle's table as numbers in a file, with what they were made from. Little-endian:
//   RowFileHeader | rows
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace lockstep {

/// What a row holds is its table's affair. Keys lie from 0 to 10^9, the value is finite.
struct NumberRow {
  std::array<std::int32_t, 4> keys{};
  double value = 0;
  friend bool operator==(const NumberRow&, const NumberRow&) = default;
};

/// Whose rows they are.
enum class RowTable : std::uint32_t { attention = 1, skew_fit = 2 };

/// The state of a file; another one may hold something else.
struct FileState {
  std::uint64_t bytes = 0, inode = 0, device = 0;
  std::int64_t written = 0, changed = 0;  ///< ns since 1970: contents, and anything of it
  friend bool operator==(const FileState&, const FileState&) = default;
};

struct RowSource {
  RowTable table = RowTable::attention;
  std::uint32_t unused = 0;
  std::uint64_t variant = 0;            ///< of what else the rows depend on
  std::array<std::uint64_t, 2> path{};  ///< digest of the file's whole name
  FileState state;
  friend bool operator==(const RowSource&, const RowSource&) = default;
};

inline constexpr std::array<char, 8> kRowMagic = {'L', 'O', 'C', 'K', 'R', 'O', 'W', '\n'};
/// Raised whenever rows or layout change their meaning: older files are then made anew.
inline constexpr std::uint64_t kRowFormat = 1;

struct RowFileHeader {
  std::array<char, 8> magic = kRowMagic;
  std::uint64_t format = kRowFormat;
  RowSource source;
  std::uint64_t rows = 0;
  std::uint64_t checksum = 0;  ///< XXH3 of the file with this as 0
};

[[nodiscard]] std::string encode_rows(const RowSource& source, std::span<const NumberRow> rows);

/// False: a file of so many bytes that begins so is no such file, holds no row, or was made from
/// something else.
[[nodiscard]] bool header_fits(const RowFileHeader& header, const RowSource& source,
                               std::uint64_t file_bytes);
/// False: the rows are damaged, or no table holds such.
[[nodiscard]] bool rows_fit(const RowFileHeader& header, std::span<const NumberRow> rows);
/// The rows within `bytes`, which begin at a multiple of 8; nothing: one of these does not fit.
[[nodiscard]] std::optional<std::span<const NumberRow>> decode_rows(std::string_view bytes,
                                                                    const RowSource& source);

}  // namespace lockstep
