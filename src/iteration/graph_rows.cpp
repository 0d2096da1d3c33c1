#include "iteration/graph_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/error.hpp"

namespace lockstep {
namespace {

bool is_kv(const TraceRow& row) {
  return row.kind == RowKind::kv_load || row.kind == RowKind::kv_evict;
}

/// The first copy may hang on what is before it in its own way; the second looks like all after it.
constexpr std::int64_t kWrittenCopies = 2;
constexpr std::int64_t kLeastFolded = kWrittenCopies + 1;

/// Where the first of the written copies begins, of which this is the last.
std::int32_t first_copy(std::int32_t begin, std::int32_t end) {
  return begin - static_cast<std::int32_t>(kWrittenCopies - 1) * (end - begin);
}

constexpr std::int64_t kLargestAmount = std::int64_t{1} << 53;  // a double counts up to here
/// No NPU has more work than this in one iteration, so that clocks cannot overflow.
constexpr Nanos kLargestRows{std::int64_t{1} << 60};

bool in_range(std::int64_t amount) {
  return amount >= 0 && amount <= kLargestAmount;
}

bool amounts_in_range(const TraceRow& row) {
  return in_range(row.comp_time.count()) && in_range(row.input_size.count()) &&
         in_range(row.weight_size.count()) && in_range(row.output_size.count()) &&
         in_range(row.comm_size.count()) && row.index >= 0;
}

}  // namespace

void TraceRows::assign(const IterationTrace& trace, bool fold) {
  rows_.clear();
  kv_rows_.clear();
  folded_.clear();
  total_time_ = Nanos{};
  for (const TraceSegment& segment : trace.segments) {
    const std::int64_t written =
        fold && segment.repeat >= kLeastFolded ? kWrittenCopies : segment.repeat;
    for (std::int64_t copy = 0; copy < written; ++copy) {
      const bool stands_for_rest = copy + 1 == written && written < segment.repeat;
      const std::int64_t copies = stands_for_rest ? segment.repeat - copy : 1;
      const std::int32_t begin = size();
      for (const TraceRow& row : segment.rows) {
        add(row, copies);
      }
      if (stands_for_rest) {
        folded_.push_back({begin, size(), copies});
      }
    }
  }
}

bool TraceRows::is_folded(std::int32_t row) const {
  return std::ranges::any_of(folded_, [row](const Copies& last) {
    return row >= first_copy(last.begin, last.end) && row < last.end;
  });
}

bool TraceRows::begins_part(std::int32_t row) const {
  return std::ranges::any_of(folded_, [row](const Copies& last) {
    return row == first_copy(last.begin, last.end) || row == last.begin || row == last.end;
  });
}

void TraceRows::add(const TraceRow& row, std::int64_t copies) {
  const std::size_t number = kv_rows_.size() + rows_.size();
  if (!amounts_in_range(row)) {
    throw UserError(
        fmt::format("trace row {} ({}) has a time or size out of range", number, row.name), {},
        "times are nanoseconds and sizes bytes, from 0 to 2^53");
  }
  const bool too_long = row.comp_time.count() > kLargestRows.count() / copies;
  total_time_ += too_long ? kLargestRows : row.comp_time * copies;
  if (too_long || total_time_ > kLargestRows) {
    throw UserError("the times of the trace add up to more than 2^60 ns", {},
                    "times are nanoseconds");
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
