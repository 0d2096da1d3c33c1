// The measurements behind a skew fit: the same decodes with equal contexts of mean length, with
// equal contexts of the largest length, and with the real mixture.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace lockstep {

/// Times in microseconds. A sample without an alpha (largest not slower than mean) says nothing
/// about the skew.
struct SkewSample {
  std::int64_t decodes = 0;        ///< n
  std::int64_t large_decodes = 0;  ///< nb, those with the large context
  std::int64_t prefill_chunk = 0;  ///< pc
  std::int64_t kv_prefill = 0;     ///< kp
  std::int64_t kv_small = 0;       ///< kvs
  std::int64_t kv_large = 0;       ///< kv_big
  std::int64_t kv_mean = 0;
  double t_mean = 0, t_max = 0, t_skew = 0;
  bool valid = false;

  /// Where the mean lies between the small and the large context, 0..1.
  [[nodiscard]] double skew_rate() const;
};

/// skew.csv, all rows in file order. Throws UserError naming file and line.
[[nodiscard]] std::vector<SkewSample> read_skew_samples(const std::filesystem::path& file);

}  // namespace lockstep
