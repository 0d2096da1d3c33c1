// Looks over a measured bundle for what should be measured again.
//
// Samples are compared along lines: all keys but one fixed. A hole is a value that is missing
// between the smallest and the largest of its line although the lines beside it have it (missing
// ends are limits of memory, not holes). An outlier is higher, or lower, than both neighbours by
// more than its limit. A fall is a time that drops although the work grows.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace lockstep {

enum class FindingKind : std::uint8_t { hole, fall, outlier };

struct Finding {
  FindingKind kind = FindingKind::hole;
  std::string file;    ///< "tp1/dense.csv"
  std::string sample;  ///< its key, as in the file: "qkv_proj,1024"
  double ratio = 0;    ///< to what it was expected to be near; 0 for a hole
};

struct BundleCheck {
  std::filesystem::path dir;
  std::vector<Finding> findings;   ///< by file, then kind, worst first
  std::vector<std::string> notes;  ///< tables that are absent or out of date
};

/// A time may be this much below the one before it, and an outlier this much apart from both
/// neighbours, as parts of the smaller one.
inline constexpr double kFallLimit = 0.10;
inline constexpr double kOutlierLimit = 0.25;

/// Throws UserError when the folder is no bundle or a table cannot be read.
[[nodiscard]] BundleCheck check_bundle(const std::filesystem::path& dir);

/// Counts per file and kind, the first `most` of each, and the samples to measure again.
[[nodiscard]] std::string check_text(const BundleCheck& check, std::size_t most);

}  // namespace lockstep
