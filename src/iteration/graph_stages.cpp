#include "iteration/graph_stages.hpp"

#include <fmt/format.h>

#include "base/error.hpp"

namespace lockstep {
namespace {

[[noreturn]] void fail(std::string what, std::string mend) {
  throw UserError(std::move(what), {}, std::move(mend));
}

void check_counts(const IterationTrace& trace, const TraceRows& rows, const GraphContext& context) {
  if (trace.pp_size < 1) {
    fail(fmt::format("the trace names {} pipeline stages", trace.pp_size),
         "model_parallel_NPU_group must be 1 or more");
  }
  if (static_cast<std::int64_t>(trace.stage_boundaries.size()) != trace.pp_size - 1) {
    fail(fmt::format("the trace has {} pipeline stages but {} stage boundaries", trace.pp_size,
                     trace.stage_boundaries.size()),
         "pp_stage_boundaries needs one row number for every stage after the first");
  }
  if (context.num_npus < trace.pp_size) {
    fail(fmt::format("{} NPUs cannot hold {} pipeline stages", context.num_npus, trace.pp_size),
         "give the instance at least one NPU per stage");
  }
  if (rows.size() == 0) {
    fail("the trace has no rows", "a trace needs at least one layer row");
  }
}

/// Sections neither nest nor cross a stage boundary.
void check_sections(const TraceRows& rows, Stage stage) {
  constexpr std::int32_t kNone = -1;
  std::int32_t opened = kNone;
  for (std::int32_t row = stage.begin; row < stage.end; ++row) {
    if (!is_marker(rows[row])) {
      continue;
    }
    const bool inside = opened != kNone;
    if (inside && is_expert_marker(rows[row]) != is_expert_marker(rows[opened])) {
      fail(fmt::format("row {}: EXPERT and PIM sections are nested", row), "close the first one");
    }
    const bool ends = rows[row].kind == RowKind::expert_end || rows[row].kind == RowKind::pim_end;
    if (ends && !inside) {
      fail(fmt::format("row {} ends a section that was not begun", row), "remove the END row");
    }
    if (!ends && !inside) {
      opened = row;
    } else if (ends) {
      opened = kNone;
    }
  }
  if (opened != kNone) {
    fail(fmt::format("the section that begins at row {} is open at the stage's end, row {}", opened,
                     stage.end),
         "put its END row and the stage boundary behind it");
  }
}

void check_handover(const TraceRows& rows, std::int32_t boundary) {
  const Bytes sent = message_after(rows, boundary - 1).size;
  const Bytes expected = message_before(rows, boundary).size;
  if (sent != expected) {
    fail(fmt::format("at row {} one stage hands on {} B but the next expects {} B", boundary,
                     sent.count(), expected.count()),
         "put the boundary between two transformer blocks");
  }
}

}  // namespace

StageMessage message_after(const TraceRows& rows, std::int32_t last) {
  if (is_marker(rows[last])) {
    return {last + 1, rows[last + 1].input_size};
  }
  return {last, rows[last].output_size};
}

StageMessage message_before(const TraceRows& rows, std::int32_t first) {
  if (is_marker(rows[first])) {
    return {first - 1, rows[first - 1].output_size};
  }
  return {first, rows[first].input_size};
}

void cut_into_stages(const IterationTrace& trace, const TraceRows& rows,
                     const GraphContext& context, std::vector<Stage>& stages) {
  check_counts(trace, rows, context);
  stages.clear();
  std::int32_t begin = 0;
  for (const std::int64_t boundary : trace.stage_boundaries) {
    if (boundary <= begin || boundary >= rows.size()) {
      fail(fmt::format("stage boundary {} is not a row between {} and {}", boundary, begin,
                       rows.size()),
           "pp_stage_boundaries are ascending row numbers, leading kv rows not counted");
    }
    const auto end = static_cast<std::int32_t>(boundary);
    stages.push_back({begin, end});
    begin = end;
  }
  stages.push_back({begin, rows.size()});
  for (const Stage stage : stages) {
    check_sections(rows, stage);
  }
  for (std::size_t next = 1; next < stages.size(); ++next) {
    check_handover(rows, stages[next].begin);
  }
}

}  // namespace lockstep
