// Time of one layer's attention against the four sizes of a batch: prefill chunk, cached tokens of
// the prefills, number of decodes, cached tokens of the decodes.
//
// The measured points are no product grid: every (prefill_chunk, n_decode) pair has a slice of its
// own, and in it every kv_prefill a row of its own kv_decode samples. A look-up blends four slices
// (the corners around the pair); a corner that was not measured is replaced by the nearest slice.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "perf/interpolation.hpp"
#include "perf/row_file.hpp"

namespace lockstep {

struct AttentionPoint {
  std::int64_t prefill_chunk = 0;
  std::int64_t kv_prefill = 0;
  std::int64_t n_decode = 0;
  std::int64_t kv_decode = 0;
  friend auto operator<=>(const AttentionPoint&, const AttentionPoint&) = default;
};

struct AttentionSample {
  AttentionPoint point;
  double nanos = 0;
};

class AttentionTable {
public:
  /// attention.csv: `prefill_chunk,kv_prefill,n_decode,kv_decode,time_us`. Throws UserError when
  /// it has no row.
  [[nodiscard]] static AttentionTable read(const std::filesystem::path& file);
  /// Keys of a row: prefill_chunk, n_decode, kv_prefill, kv_decode. As below.
  [[nodiscard]] static AttentionTable of_rows(std::span<const NumberRow> rows);
  /// Of equal points the first given stays. Not empty.
  explicit AttentionTable(std::vector<AttentionSample> samples);

  /// Blends kv_decode innermost, then kv_prefill, n_decode, prefill_chunk. Negative arguments
  /// count as 0. Allocates nothing.
  [[nodiscard]] Estimate at(AttentionPoint point) const;

private:
  AttentionTable() = default;

  struct Slice {
    std::int64_t prefill_chunk = 0;
    std::int64_t n_decode = 0;
    std::size_t first_row = 0;  ///< into row_keys_ and rows_
    std::size_t row_count = 0;
  };
  struct Row {
    std::size_t first = 0;  ///< into keys_ and nanos_
    std::size_t count = 0;
  };
  struct Corner {
    std::uint32_t slice = 0;
    bool substitute = false;
  };

  /// Samples or rows, ascending by slice, kv_prefill, kv_decode; distinct, not empty.
  template <class Samples>
  void build(const Samples& samples);
  void build_corners();
  [[nodiscard]] std::uint32_t nearest_slice(std::int64_t chunk, std::int64_t decodes) const;
  [[nodiscard]] Estimate corner(std::size_t chunk, std::size_t decodes,
                                const AttentionPoint& point) const;
  [[nodiscard]] Estimate row(std::size_t index, const Slice& slice, std::int64_t kv_decode) const;
  [[nodiscard]] Estimate along_decodes(std::size_t chunk, const Bracket& decodes,
                                       const AttentionPoint& point) const;

  std::vector<std::int64_t> chunks_;    ///< distinct prefill_chunk of the whole file
  std::vector<std::int64_t> decodes_;   ///< distinct n_decode of the whole file
  std::vector<Slice> slices_;           ///< sorted by (prefill_chunk, n_decode)
  std::vector<std::int64_t> row_keys_;  ///< kv_prefill of each row
  std::vector<Row> rows_;
  std::vector<std::int64_t> keys_;  ///< kv_decode of each sample
  std::vector<double> nanos_;
  std::vector<Corner> corners_;  ///< [chunk][decodes]
};

}  // namespace lockstep
