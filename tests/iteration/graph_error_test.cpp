// Traces that no graphs can be made of.
#include <gtest/gtest.h>

#include <limits>

#include "base/error.hpp"
#include "graph_text.hpp"
#include "iteration/graph.hpp"

namespace lockstep {
namespace {

using testing::expert;
using testing::expert_end;
using testing::pim;
using testing::pim_end;
using testing::Row;
using testing::trace_of;

TEST(GraphErrors, StagesThatDoNotFit) {
  const std::vector<TraceRow> rows = {Row("a", 1), Row("b", 1), Row("c", 1)};
  const GraphContext four{.num_npus = 4};
  EXPECT_NO_THROW((void)build_graphs(trace_of(rows, {1}), four));
  IterationTrace none = trace_of(rows);
  none.pp_size = 0;
  EXPECT_THROW((void)build_graphs(none, four), UserError);
  none.pp_size = 2;  // but no boundary
  EXPECT_THROW((void)build_graphs(none, four), UserError);
  EXPECT_THROW((void)build_graphs(trace_of(rows, {0}), four), UserError);
  EXPECT_THROW((void)build_graphs(trace_of(rows, {3}), four), UserError);
  EXPECT_THROW((void)build_graphs(trace_of(rows, {2, 1}), four), UserError);
  EXPECT_THROW((void)build_graphs(trace_of(rows, {1, 2}), {.num_npus = 2}), UserError);
  EXPECT_THROW((void)build_graphs(trace_of({}), four), UserError);
  // The first stage would hand on 8 bytes where the second expects none.
  EXPECT_THROW((void)build_graphs(trace_of({Row("a", 1).out(8), Row("b", 1)}, {1}), four),
               UserError);
}

TEST(GraphErrors, SectionsThatDoNotClose) {
  const auto fails = [](std::vector<TraceRow> rows) {
    EXPECT_THROW((void)build_graphs(trace_of(std::move(rows)), {}), UserError);
  };
  fails({Row("a", 1), expert(0), Row("b", 1)});
  fails({Row("a", 1), expert_end(), Row("b", 1)});
  fails({Row("a", 1), pim(0), expert(0), expert_end(), pim_end()});
  EXPECT_THROW((void)build_graphs(
                   trace_of({Row("a", 1), expert(0), Row("b", 1), expert_end(), Row("c", 1)}, {2}),
                   {.num_npus = 2}),
               UserError);
}

TEST(GraphErrors, RowsOutOfRange) {
  const auto fails = [](std::vector<TraceRow> rows) {
    EXPECT_THROW((void)build_graphs(trace_of(std::move(rows)), {}), UserError);
  };
  fails({Row("a", -1)});
  fails({Row("a", std::numeric_limits<std::int64_t>::max())});
  fails(std::vector<TraceRow>(200, Row("a", std::int64_t{1} << 53)));
  fails({Row("a", 1).in(-1)});
  fails({Row("a", 1), Row("kv_load").kind(RowKind::kv_load)});
  fails(
      {Row("kv_load").kind(RowKind::kv_load), Row("kv_load").kind(RowKind::kv_load), Row("a", 1)});
}

}  // namespace
}  // namespace lockstep
