// The layout of a table's file. Little-endian, every part aligned to its elements:
//   TableHeader | description (JSON, padded to 8 bytes) | axis int64[points]
//   | begins uint32[slices + 1] | keys int32[slices * key_count] | micros float[points]
#pragma once

#include <array>
#include <cstdint>

namespace lockstep {

inline constexpr std::array<char, 8> kTableMagic = {'L', 'O', 'C', 'K', 'T', 'B', 'L', '\n'};
/// Raised whenever keys or layout change their meaning: older files are then made anew.
inline constexpr std::uint32_t kTableFormat = 1;

struct TableHeader {
  std::array<char, 8> magic = kTableMagic;
  std::uint32_t format = kTableFormat;
  std::uint32_t key_count = 0;
  std::uint64_t description_bytes = 0;  ///< padded
  std::uint64_t slices = 0;
  std::uint64_t points = 0;
  std::uint64_t file_bytes = 0;
  std::uint64_t checksum = 0;  ///< XXH3 of all that follows the header
};

}  // namespace lockstep
