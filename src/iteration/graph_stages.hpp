// The pipeline stages of a trace: which rows each one owns and what they hand to the next.
#pragma once

#include <cstdint>
#include <vector>

#include "iteration/graph.hpp"
#include "iteration/graph_rows.hpp"

namespace lockstep {

/// Rows [begin, end), end > begin.
struct Stage {
  std::int32_t begin = 0;
  std::int32_t end = 0;
};

/// Fills `stages`. Throws UserError for boundaries that do not fit the rows, fewer NPUs than
/// stages, sections that are not closed inside their stage, and stages whose sizes disagree.
void cut_into_stages(const IterationTrace& trace, const TraceRows& rows,
                     const GraphContext& context, std::vector<Stage>& stages);

/// What a message between stages shows: the row that names it and its size.
struct StageMessage {
  std::int32_t row = 0;
  Bytes size;
};
/// Leaving the stage whose last row is `last` (not the last row of the trace). A marker has no
/// tensors, so its neighbour across the boundary stands in.
[[nodiscard]] StageMessage message_after(const TraceRows& rows, std::int32_t last);
/// Entering the stage whose first row is `first` (not row 0).
[[nodiscard]] StageMessage message_before(const TraceRows& rows, std::int32_t first);

}  // namespace lockstep
