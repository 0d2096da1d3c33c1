// From things that overlap to one cause at every instant.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "base/units.hpp"
#include "explain/cause.hpp"

namespace lockstep {

/// [begin, end) in ns of simulated time.
struct Interval {
  Part part;
  Nanos begin, end;
  friend bool operator==(const Interval&, const Interval&) = default;
};

/// ns by cause.
using Parts = std::map<Part, Nanos>;

/// Cuts [begin, end) into stretches without gap or overlap. Each belongs to the first part, in
/// their order, of which a span covers it; where none does, to Cause::step_other. Neighbours of one
/// part are one stretch. Spans may reach beyond the window and may be empty.
[[nodiscard]] std::vector<Interval> attribute(std::span<const Interval> spans, Nanos begin,
                                              Nanos end);

/// Sums of what of `intervals` (ascending, without overlap) lies in [begin, end).
[[nodiscard]] Parts sum_between(std::span<const Interval> intervals, Nanos begin, Nanos end);

}  // namespace lockstep
