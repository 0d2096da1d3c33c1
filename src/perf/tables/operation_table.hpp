// One measured table as it lies in the store: slices sorted by their keys, each a curve. The file
// is mapped into memory and used as it is; opening it costs one pass over its bytes (checksum).
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "perf/tables/table_schema.hpp"

namespace lockstep {

/// What a table is of and which file it was made from.
struct TableOrigin {
  std::string gpu;      ///< "h100_sxm"
  std::string engine;   ///< "vllm", "nccl"
  std::string version;  ///< "0.24.0"
  MeasuredOperation operation = MeasuredOperation::gemm;
  std::string source;  ///< file
  std::int64_t source_bytes = 0;
  std::int64_t source_time = 0;    ///< of its last change, in its file system's ticks
  std::int64_t rows_left_out = 0;  ///< of kinds that are not known
};

inline constexpr std::size_t kMostSliceKeys = 8;

/// One measured row; `keys` in the order of the schema's slice, 0 beyond it.
struct TableRow {
  std::array<std::int32_t, kMostSliceKeys> keys{};
  std::int64_t axis = 0;
  float micros = 0;
};

/// The bytes of a table's file. Rows with equal keys become one, their median.
[[nodiscard]] std::string encode_table(const TableOrigin& origin, std::vector<TableRow> rows);

struct TableCurve {
  std::span<const std::int64_t> axis;  ///< ascending, without duplicates
  std::span<const float> micros;
};

class OperationTable {
public:
  /// Maps a file. Throws UserError when it is damaged or of another format version.
  explicit OperationTable(const std::filesystem::path& file);
  ~OperationTable();
  OperationTable(const OperationTable&) = delete;
  OperationTable& operator=(const OperationTable&) = delete;

  [[nodiscard]] const TableOrigin& origin() const { return origin_; }
  [[nodiscard]] std::size_t slice_count() const { return begins_.size() - 1; }
  [[nodiscard]] std::size_t point_count() const { return axis_.size(); }
  [[nodiscard]] std::span<const std::int32_t> keys(std::size_t slice) const {
    return keys_.subspan(slice * key_count_, key_count_);
  }
  [[nodiscard]] TableCurve curve(std::size_t slice) const {
    const std::size_t begin = begins_[slice];
    const std::size_t count = begins_[slice + 1] - begin;
    return {axis_.subspan(begin, count), micros_.subspan(begin, count)};
  }
  [[nodiscard]] std::optional<std::size_t> find(std::span<const std::int32_t> keys) const;
  /// Distinct values of one slice key, ascending.
  [[nodiscard]] std::vector<std::int32_t> distinct(std::size_t key) const;

  /// Only what the file says of itself, unchecked beyond that; for listings and staleness.
  static std::optional<TableOrigin> peek(const std::filesystem::path& file);

private:
  void read_layout(const std::filesystem::path& file);

  void* mapped_ = nullptr;
  std::size_t bytes_ = 0;
  TableOrigin origin_;
  std::size_t key_count_ = 0;
  std::span<const std::int64_t> axis_;
  std::span<const std::uint32_t> begins_;
  std::span<const std::int32_t> keys_;
  std::span<const float> micros_;
};

}  // namespace lockstep
