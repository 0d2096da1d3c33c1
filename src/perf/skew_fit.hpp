// Skew coefficient of a batch whose decodes hold contexts of unequal length.
//
// A batch of n equal contexts is measured; an unequal one takes
// t(mean) + alpha * (t(max) - t(mean)). Alpha was fitted per bucket of batch statistics; a batch
// outside every bucket takes the default.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "perf/kernel_times.hpp"
#include "perf/row_file.hpp"

namespace lockstep {

/// Right-inclusive bins: value <= edges[i + 1] gives labels[i]; beyond them the last label.
struct SkewAxis {
  std::vector<double> edges;  ///< one more than labels; the first is never tested
  std::vector<std::string> labels;

  /// Index of the label; equal labels share the first one's index.
  [[nodiscard]] std::uint16_t index_of(double value) const;
  [[nodiscard]] std::optional<std::uint16_t> index_of_label(std::string_view label) const;
};

struct SkewAxes {
  SkewAxis decodes;
  SkewAxis skew_rate;
  SkewAxis kv_largest;
  SkewAxis kv_prefill;
  /// The axes used where a bundle names none.
  [[nodiscard]] static const SkewAxes& usual();
};

class SkewFit {
public:
  /// No correction at all, or the same alpha for every batch.
  explicit SkewFit(double alpha = 0.0) : default_alpha_(alpha) {}
  SkewFit(SkewAxes axes, double default_alpha);

  /// Adds the rows of skew_fit.csv: `pc,n_label,skew_rate_label,kv_big_label,kp_label,alpha`.
  void read(const std::filesystem::path& file);
  /// Adds buckets named "pc=<chunk>|<n>|<skew rate>|<kv_big>|<kp>". A later one of the same name
  /// replaces an earlier one; one whose labels are on no axis can never be met.
  void add(const std::vector<std::pair<std::string, double>>& buckets);

  /// The coefficient of a batch; not clamped, may be negative or above 1.
  [[nodiscard]] double alpha(const AttentionShape& shape) const;

private:
  struct Bucket {
    std::int64_t prefill_chunk = 0;
    std::uint16_t decodes = 0;
    std::uint16_t skew_rate = 0;
    std::uint16_t kv_largest = 0;
    std::uint16_t kv_prefill = 0;
    friend auto operator<=>(const Bucket&, const Bucket&) = default;
  };
  struct Entry {
    Bucket bucket;
    double alpha = 0;
  };
  [[nodiscard]] std::vector<NumberRow> read_rows(const std::filesystem::path& file) const;
  void add(std::string_view key, double alpha);
  void add(std::int64_t chunk, std::string_view decodes, std::string_view skew_rate,
           std::string_view kv_largest, std::string_view kv_prefill, double alpha);
  void sort_entries();

  SkewAxes axes_;
  double default_alpha_ = 0;
  std::vector<Entry> entries_;  ///< sorted by bucket, distinct
};

}  // namespace lockstep
