#include "iteration/trace.hpp"

#include <fmt/format.h>

#include "base/error.hpp"

namespace lockstep {

std::int64_t IterationTrace::num_rows() const {
  std::int64_t rows = 0;
  for (const TraceSegment& segment : segments) {
    rows += static_cast<std::int64_t>(segment.rows.size()) * segment.repeat;
  }
  return rows;
}

void append_stage_boundaries(std::span<const std::int64_t> block_starts, std::int64_t pp_size,
                             std::vector<std::int64_t>& boundaries) {
  const auto blocks = static_cast<std::int64_t>(block_starts.size());
  if (pp_size > blocks) {
    throw UserError(fmt::format("pp_size {} exceeds the block count ({})", pp_size, blocks),
                    Where{{}, 0, "pp_size"}, "use at most one pipeline stage per block");
  }
  const std::int64_t per_stage = blocks / pp_size;
  const std::int64_t remainder = blocks % pp_size;
  std::int64_t first_block = 0;
  for (std::int64_t stage = 0; stage + 1 < pp_size; ++stage) {
    const bool takes_one_more = stage >= pp_size - 1 - remainder;
    first_block += per_stage + (takes_one_more ? 1 : 0);
    boundaries.push_back(block_starts[static_cast<std::size_t>(first_block)]);
  }
}

}  // namespace lockstep
