#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/error.hpp"
#include "iteration/trace.hpp"
#include "iteration/trace_fixtures.hpp"

namespace lockstep {
namespace {

using testing::small_model;
using testing::TraceWorld;

std::string padded(const std::string& text, std::size_t width) {
  return text + std::string(text.size() < width ? width - text.size() : 0, ' ');
}

std::string line_of(const std::vector<std::string>& fields) {
  std::string line = padded(fields[0], 30);
  for (std::size_t i = 1; i < fields.size(); ++i) {
    line += ' ' + padded(fields[i], 15);
  }
  return line + '\n';
}

constexpr const char* kColumns[] = {"Layername",  "comp_time",   "input_loc",  "input_size",
                                    "weight_loc", "weight_size", "output_loc", "output_size",
                                    "comm_type",  "comm_size",   "misc"};

IterationTrace sample() {
  IterationTrace trace;
  trace.type = ExecutionType::decode;
  trace.pp_size = 3;
  trace.stage_boundaries = {1, 2};
  TraceRow row;
  row.name = "o_proj";
  row.comp_time = Nanos{12};
  row.weight_loc = {MemoryTier::cxl, 1};
  row.output_loc = {MemoryTier::remote, 0, 3};
  row.output_size = Bytes{34};
  row.comm = CollectiveKind::all_reduce;
  row.comm_mask = DimMask::of({true, false});
  row.comm_size = Bytes{56};
  row.tag = BatchTag::batch_2;
  TraceRow marker;
  marker.kind = RowKind::expert;
  marker.index = 1;
  TraceRow end;
  end.kind = RowKind::expert_end;
  end.comm = CollectiveKind::reduce_scatter;
  end.comm_mask = DimMask::of({false, true});
  end.comm_size = Bytes{78};
  trace.segments = {{{row}, 1}, {{row, marker, end}, 2}};
  return trace;
}

TEST(TraceText, IsPaddedAndNumberedOverTheCopies) {
  const auto row = [](const char* name) {
    return line_of({name, "12", "LOCAL", "0", "CXL:1", "0", "REMOTE:0.3", "34", "ALLREDUCE:1,0",
                    "56", "BATCH_2"});
  };
  const auto marker = [](const char* text) {
    return line_of({text, "", "", "", "", "", "", "", "", "", ""});
  };
  const std::string block_1 =
      row("o_proj_1") + marker("EXPERT 1 NONE 0") + marker("EXPERT END REDUCESCATTER:0,1 78");
  const std::string block_2 =
      row("o_proj_4") + marker("EXPERT 1 NONE 0") + marker("EXPERT END REDUCESCATTER:0,1 78");
  EXPECT_EQ(to_text(sample()),
            "DECODE\t\tmodel_parallel_NPU_group: 3\t\tpp_stage_boundaries: 1,2\n7\n" +
                line_of({std::begin(kColumns), std::end(kColumns)}) + row("o_proj_0") + block_1 +
                block_2);
  EXPECT_EQ(row("o_proj_0").size(), 191U);
}

TEST(TraceText, LongFieldsAreWrittenInFull) {
  IterationTrace trace = sample();
  trace.segments.resize(1);
  trace.segments[0].rows[0].comm_size = Bytes{1'234'567'890'123'456};
  trace.segments[0].rows[0].comm_mask = DimMask::of({true, false, false});
  EXPECT_THAT(to_text(trace), ::testing::HasSubstr("ALLREDUCE:1,0,0 1234567890123456 BATCH_2"));
}

TEST(TraceText, Event) {
  const auto lines = TraceWorld::squeeze(event_trace_text(Nanos{1'000'000'000}));
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[0], "EVENT");
  EXPECT_EQ(lines[1], "1");
  EXPECT_EQ(lines[3], "event_1000000000ns 1000000000 REMOTE 0 LOCAL 0 REMOTE 0 NONE 0 NONE");
  const ParsedTrace parsed = parse_trace(event_trace_text(Nanos{5}), "event");
  EXPECT_EQ(parsed.trace.type, ExecutionType::event);
  EXPECT_EQ(parsed.trace.segments[0].rows[0].name, "event_5ns");
}

TEST(TraceText, ReadsBackWhatItWrote) {
  const IterationTrace trace = sample();
  const ParsedTrace parsed = parse_trace(to_text(trace), "t.txt");
  EXPECT_EQ(parsed.trace.type, trace.type);
  EXPECT_EQ(parsed.trace.pp_size, 3);
  EXPECT_EQ(parsed.trace.stage_boundaries, trace.stage_boundaries);
  ASSERT_EQ(parsed.trace.segments.size(), 1U);
  const auto& rows = parsed.trace.segments[0].rows;
  ASSERT_EQ(rows.size(), 7U);
  EXPECT_EQ(rows[0], trace.segments[0].rows[0]);
  EXPECT_EQ(rows[6], trace.segments[1].rows[2]);
  EXPECT_EQ(to_text(parsed.trace), to_text(trace));
}

std::int64_t failing_line(const std::string& text) {
  try {
    (void)parse_trace(text, "t.txt");
  } catch (const UserError& error) {
    EXPECT_EQ(error.where().file, "t.txt");
    return error.where().line;
  }
  return 0;
}

TEST(TraceText, MistakesAreNamedByLine) {
  const std::string head = "COLOCATED\t\tmodel_parallel_NPU_group: 1\n1\nLayername\n";
  const auto with_row = [&](const std::string& row) { return failing_line(head + row + "\n"); };
  EXPECT_EQ(with_row("a_0 1 LOCAL 0 LOCAL 0 LOCAL 0 NONE 0 NONE"), 0);
  EXPECT_EQ(failing_line(""), 1);
  EXPECT_EQ(failing_line("COLLOCATED\n"), 1);
  EXPECT_EQ(failing_line("COLOCATED model_parallel_NPU_group: x\n"), 1);
  EXPECT_EQ(failing_line("COLOCATED model_parallel_NPU_group:\n"), 1);
  EXPECT_EQ(failing_line("COLOCATED pp_stage_boundaries: 1,,2\n"), 1);
  EXPECT_EQ(failing_line("COLOCATED colour: 2\n"), 1);
  EXPECT_EQ(failing_line("COLOCATED\nmany\n"), 2);
  EXPECT_EQ(failing_line("COLOCATED\n3\n"), 3);
  EXPECT_EQ(failing_line(head), 4);
  EXPECT_EQ(with_row("a_0 1 LOCAL"), 4);
  EXPECT_EQ(with_row("a_0 1 NOWHERE 0 LOCAL 0 LOCAL 0 NONE 0 NONE"), 4);
  EXPECT_EQ(with_row("a_0 1 REMOTE:x 0 LOCAL 0 LOCAL 0 NONE 0 NONE"), 4);
  EXPECT_EQ(with_row("a_0 -1 LOCAL 0 LOCAL 0 LOCAL 0 NONE 0 NONE"), 4);
  EXPECT_EQ(with_row("a_0 99999999999999999999 LOCAL 0 LOCAL 0 LOCAL 0 NONE 0 NONE"), 4);
  EXPECT_EQ(with_row("a_0 1 LOCAL 0 LOCAL 0 LOCAL 0 SUM 0 NONE"), 4);
  EXPECT_EQ(with_row("a_0 1 LOCAL 0 LOCAL 0 LOCAL 0 ALLREDUCE:1,2 0 NONE"), 4);
  EXPECT_EQ(with_row("a_0 1 LOCAL 0 LOCAL 0 LOCAL 0 ALLREDUCE: 0 NONE"), 4);
  EXPECT_EQ(with_row("a_0 1 LOCAL 0 LOCAL 0 LOCAL 0 NONE 0 BATCH_3"), 4);
  EXPECT_EQ(with_row("EXPERT 0"), 4);
  EXPECT_EQ(with_row("PIM x"), 4);
  EXPECT_EQ(with_row("PIM 0\nPIM END"), 5);
}

RC_GTEST_PROP(TraceText, NoTextCrashesTheReader, (const std::string& noise)) {
  const std::string whole = to_text(sample());
  const auto at = *rc::gen::inRange<std::size_t>(0, whole.size());
  std::string text = whole;
  text.replace(at, *rc::gen::inRange<std::size_t>(0, 40), noise);
  try {
    (void)parse_trace(text, "t.txt");
  } catch (const UserError&) {
  }
}

TEST(StageBoundaries, TheRemainderGoesBeforeTheLastStage) {
  const auto cut = [](std::int64_t blocks, std::int64_t pp) {
    std::vector<std::int64_t> starts;
    for (std::int64_t i = 0; i < blocks; ++i) {
      starts.push_back(1 + 9 * i);
    }
    std::vector<std::int64_t> boundaries;
    append_stage_boundaries(starts, pp, boundaries);
    return boundaries;
  };
  using V = std::vector<std::int64_t>;
  EXPECT_EQ(cut(32, 1), V{});
  EXPECT_EQ(cut(32, 3), (V{100, 199}));
  EXPECT_EQ(cut(32, 5), (V{55, 109, 172, 235}));
  EXPECT_EQ(cut(7, 5), (V{10, 19, 37, 55}));
  EXPECT_EQ(cut(2, 2), (V{10}));
  EXPECT_THROW(cut(1, 2), UserError);
}

}  // namespace
}  // namespace lockstep
