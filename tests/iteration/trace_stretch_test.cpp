#include "iteration/trace_stretch.hpp"

#include <gtest/gtest.h>

namespace lockstep {
namespace {

TraceRow row(const char* name, std::int64_t time) {
  TraceRow made;
  made.name = name;
  made.comp_time = Nanos{time};
  return made;
}

TraceRow marker(RowKind kind) {
  TraceRow made;
  made.kind = kind;
  return made;
}

/// Three blocks: in-memory attention of 70 ns beside, experts of two ranks.
IterationTrace three_blocks() {
  IterationTrace trace;
  trace.segments.push_back({{row("embedding", 50)}, 1});
  trace.segments.push_back(
      {{row("qkv_proj", 100), marker(RowKind::pim), row("attention", 70), marker(RowKind::pim),
        marker(RowKind::pim_end), row("attention", 40), marker(RowKind::expert), row("expert", 300),
        marker(RowKind::expert), row("expert", 200), marker(RowKind::expert_end)},
       3});
  return trace;
}

TEST(TraceStretch, ScalesEveryRow) {
  IterationTrace trace = three_blocks();
  const Nanos before = compute_time(trace);
  EXPECT_EQ(before, Nanos{50 + 3 * 710});
  stretch(trace, before);
  EXPECT_EQ(compute_time(trace), 2 * before);
  EXPECT_EQ(trace.segments[1].rows[0].comp_time, Nanos{200});
}

TEST(TraceStretch, NpusComputeWithoutMemoryAndExpertsAtOnce) {
  IterationTrace trace = three_blocks();
  EXPECT_EQ(npu_time(trace), Nanos{50 + 3 * (100 + 40 + 300)});
  stretch(trace, compute_time(trace));
  EXPECT_EQ(npu_time(trace), Nanos{2 * (50 + 3 * (100 + 40 + 300))});
}

}  // namespace
}  // namespace lockstep
