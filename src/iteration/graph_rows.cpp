#include "iteration/graph_rows.hpp"

#include <fmt/format.h>

#include <limits>

#include "base/error.hpp"

namespace lockstep {
namespace {

bool is_kv(const TraceRow& row) {
  return row.kind == RowKind::kv_load || row.kind == RowKind::kv_evict;
}

bool has_negative_amount(const TraceRow& row) {
  return row.comp_time < Nanos{} || row.input_size < Bytes{} || row.weight_size < Bytes{} ||
         row.output_size < Bytes{} || row.comm_size < Bytes{} || row.index < 0;
}

}  // namespace

void TraceRows::assign(const IterationTrace& trace) {
  rows_.clear();
  kv_rows_.clear();
  for (const TraceSegment& segment : trace.segments) {
    for (std::int64_t copy = 0; copy < segment.repeat; ++copy) {
      for (const TraceRow& row : segment.rows) {
        add(row);
      }
    }
  }
}

void TraceRows::add(const TraceRow& row) {
  const std::size_t number = kv_rows_.size() + rows_.size();
  if (has_negative_amount(row)) {
    throw UserError(
        fmt::format("trace row {} ({}) has a negative time, size or index", number, row.name), {},
        "times are nanoseconds and sizes bytes, both 0 or more");
  }
  if (number >= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    throw UserError("the trace has too many rows", {}, "cut it into several iterations");
  }
  if (!is_kv(row)) {
    rows_.push_back(&row);
    return;
  }
  const bool repeated = !kv_rows_.empty() && kv_rows_.front()->kind == row.kind;
  if (!rows_.empty() || repeated) {
    throw UserError(fmt::format("trace row {} ({}) is misplaced", number, row.name), {},
                    "kv_load and kv_evict come first, at most once each");
  }
  kv_rows_.push_back(&row);
}

}  // namespace lockstep
