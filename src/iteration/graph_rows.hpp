// A trace seen as one list of rows: segments expanded by reference, leading kv rows taken off.
#pragma once

#include <cstdint>
#include <vector>

#include "iteration/trace.hpp"

namespace lockstep {

/// Row numbers count from after the kv rows. Valid while the trace lives; reusable.
class TraceRows {
public:
  /// Rows that stand for `copies` of themselves, one after the other.
  struct Copies {
    std::int32_t begin = 0;
    std::int32_t end = 0;
    std::int64_t copies = 1;
  };

  /// With `fold`, a segment's second copy stands for all that follow it.
  /// Throws UserError for times or sizes out of range, and for a kv row that does not lead.
  void assign(const IterationTrace& trace, bool fold = false);

  /// Empty unless folded.
  [[nodiscard]] const std::vector<Copies>& folded() const { return folded_; }
  /// Whether the row is of a segment that is folded.
  [[nodiscard]] bool is_folded(std::int32_t row) const;
  /// Whether the row is the first of such a segment's copy, or of what follows the last.
  [[nodiscard]] bool begins_part(std::int32_t row) const;

  [[nodiscard]] std::int32_t size() const { return static_cast<std::int32_t>(rows_.size()); }
  [[nodiscard]] const TraceRow& operator[](std::int32_t row) const {
    return *rows_[static_cast<std::size_t>(row)];
  }
  /// The leading kv rows in trace order.
  [[nodiscard]] const std::vector<const TraceRow*>& kv_rows() const { return kv_rows_; }

private:
  void add(const TraceRow& row, std::int64_t copies);

  std::vector<const TraceRow*> rows_;
  std::vector<const TraceRow*> kv_rows_;
  std::vector<Copies> folded_;
  Nanos total_time_;
};

[[nodiscard]] inline bool is_expert_marker(const TraceRow& row) {
  return row.kind == RowKind::expert || row.kind == RowKind::expert_end;
}
[[nodiscard]] inline bool is_pim_marker(const TraceRow& row) {
  return row.kind == RowKind::pim || row.kind == RowKind::pim_end;
}
[[nodiscard]] inline bool is_marker(const TraceRow& row) {
  return is_expert_marker(row) || is_pim_marker(row);
}

}  // namespace lockstep
