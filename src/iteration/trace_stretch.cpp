#include "iteration/trace_stretch.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace lockstep {

Nanos compute_time(const IterationTrace& trace) {
  Nanos sum;
  for (const TraceSegment& segment : trace.segments) {
    for (const TraceRow& row : segment.rows) {
      sum += row.comp_time * segment.repeat;
    }
  }
  return sum;
}

Nanos npu_time(const IterationTrace& trace) {
  Nanos sum;
  for (const TraceSegment& segment : trace.segments) {
    Nanos once, slowest;
    bool in_memory = false;
    for (const TraceRow& row : segment.rows) {
      in_memory = row.kind == RowKind::pim || (in_memory && row.kind != RowKind::pim_end);
      if (row.kind == RowKind::expert_end) {
        once += std::exchange(slowest, Nanos{0});
      } else if (row.name == "expert") {
        slowest = std::max(slowest, row.comp_time);
      } else if (!in_memory) {
        once += row.comp_time;
      }
    }
    sum += once * segment.repeat;
  }
  return sum;
}

void stretch(IterationTrace& trace, Nanos extra) {
  constexpr double kLeast = 0.05;
  const Nanos sum = compute_time(trace);
  if (extra == Nanos{0} || sum == Nanos{0}) {
    return;
  }
  const double factor =
      std::max(kLeast, 1.0 + static_cast<double>(extra.count()) / static_cast<double>(sum.count()));
  for (TraceSegment& segment : trace.segments) {
    for (TraceRow& row : segment.rows) {
      if (row.comp_time > Nanos{0}) {
        const double scaled = static_cast<double>(row.comp_time.count()) * factor;
        row.comp_time = Nanos{std::max<std::int64_t>(1, std::llround(scaled))};
      }
    }
  }
}

}  // namespace lockstep
