// The shape of graphs with rows that run in memory, and with interleaved sub-batches.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph_text.hpp"
#include "iteration/graph.hpp"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using testing::graph_text;
using testing::interleaved;
using testing::pim;
using testing::pim_end;
using testing::remote;
using testing::Row;
using testing::trace_of;

TEST(Graph, FirstComputeAfterPimWaitsForItsChannels) {
  const auto attention = [](std::int64_t time, std::int64_t size, std::int32_t channel) {
    return Row("attention", time).in(size, remote(0, channel)).out(size, remote(0, channel));
  };
  const IterationTrace trace =
      trace_of({Row("embedding", 500).in(40, remote(0)), Row("qkv_proj", 700), pim(0),
                attention(1000, 2560, 0), attention(1500, 2560, 0), pim(1),
                attention(2000, 5120, 1), pim_end(), Row("attention", 900), Row("o_proj", 700),
                Row("sampler", 300).out(8, remote(0))});
  EXPECT_THAT(graph_text(build_graphs(trace, {})[0]),
              ElementsAre("0 LOAD REMOTE:0 40 ()", "1 COMP 500 (0)", "2 COMP 700 (1)",
                          "3 PIM 1000 REMOTE:0.0 5120 (2)", "4 PIM 1500 REMOTE:0.0 5120 (2)",
                          "5 PIM 2000 REMOTE:0.1 10240 (2)", "6 COMP 900 (3,4,5)", "7 COMP 700 (6)",
                          "8 COMP 300 (7)", "9 STORE REMOTE:0 8 (8)"));
}

TEST(Graph, PimChannelsAreDealtOutToTheNpusOfAStage) {
  const IterationTrace trace =
      trace_of({Row("qkv_proj", 700).in(40, remote(0)), pim(0), Row("attention", 1000), pim(1),
                Row("attention", 2000), pim(2), Row("attention", 3000), pim_end(),
                Row("o_proj", 700), Row("sampler", 300).out(8, remote(0))});
  const std::vector<NpuGraph> graphs = build_graphs(trace, {.num_npus = 2});
  EXPECT_THAT(graph_text(graphs[0]),
              ElementsAre("0 LOAD REMOTE:0 40 ()", "1 COMP 700 (0)", "2 PIM 1000 LOCAL 0 (1)",
                          "3 PIM 3000 LOCAL 0 (1)", "4 COMP 700 (2,3)", "5 COMP 300 (4)",
                          "6 STORE REMOTE:0 8 (5)"));
  EXPECT_THAT(graph_text(graphs[1]),
              ElementsAre("7 LOAD REMOTE:0 40 ()", "8 COMP 700 (7)", "9 PIM 2000 LOCAL 0 (8)",
                          "10 COMP 700 (9)", "11 COMP 300 (10)", "12 STORE REMOTE:0 8 (11)"));
}

TEST(Graph, FirstComputeAfterAnEmptyPimSectionWaitsForNothing) {
  const IterationTrace trace =
      trace_of({Row("embedding", 500).in(40, remote(0)), Row("qkv_proj", 700), pim(0), pim_end(),
                Row("attention", 900), Row("o_proj", 700), Row("sampler", 300).out(8, remote(0))});
  EXPECT_THAT(
      graph_text(build_graphs(trace, {})[0]),
      ElementsAre("0 LOAD REMOTE:0 40 ()", "1 COMP 500 (0)", "2 COMP 700 (1)", "3 COMP 900 ()",
                  "4 COMP 700 (3)", "5 COMP 300 (4)", "6 STORE REMOTE:0 8 (5)"));
}

TEST(Graph, InterleavedSubBatchesWaitForTheOtherSection) {
  EXPECT_THAT(graph_text(build_graphs(interleaved(true), {})[0]),
              ElementsAre("0 LOAD REMOTE:0 40 ()", "1 COMP 1 (0)", "2 COMP 2 (1)",
                          "3 PIM 50 REMOTE:0.0 1 (2)", "4 COMP 3 ()", "5 COMP 1 (4)",
                          "6 COMP 2 (5)", "7 PIM 50 REMOTE:0.0 1 (6)", "8 COMP 3 ()",
                          "9 COMP 4 (8,3)", "10 COMP 5 (9)", "11 COMP 2 (10)",
                          "12 PIM 50 REMOTE:0.0 1 (11)", "13 COMP 3 ()", "14 COMP 4 (13,7)",
                          "15 COMP 5 (14)", "16 COMP 2 (15)", "17 PIM 50 REMOTE:0.0 1 (16)",
                          "18 COMP 3 ()", "19 COMP 4 (18,12)", "20 COMP 5 (19)", "21 COMP 6 (20)",
                          "22 COMP 7 (21)", "23 COMP 4 (22)", "24 COMP 5 (23)", "25 COMP 6 (24)",
                          "26 COMP 7 (25)", "27 STORE REMOTE:0 8 (26)"));
}

// The same traces with what comes first kept first, and all results waited for.

TEST(GraphRules, NpuAttentionRunsBesidePim) {
  const IterationTrace trace =
      trace_of({Row("embedding", 500).in(40, remote(0)), Row("qkv_proj", 700), pim(0),
                Row("attention", 1000), pim_end(), Row("attention", 900), Row("o_proj", 700),
                Row("sampler", 300).out(8, remote(0))});
  EXPECT_THAT(graph_text(build_graphs(trace, {.pim_keeps_the_chain = true})[0]),
              ElementsAre("0 LOAD REMOTE:0 40 ()", "1 COMP 500 (0)", "2 COMP 700 (1)",
                          "3 PIM 1000 LOCAL 0 (2)", "4 COMP 900 (2)", "5 COMP 700 (4,3)",
                          "6 COMP 300 (5)", "7 STORE REMOTE:0 8 (6)"));
}

TEST(GraphRules, AnEmptySectionBreaksNothing) {
  const IterationTrace trace =
      trace_of({Row("embedding", 500).in(40, remote(0)), Row("qkv_proj", 700), pim(0), pim_end(),
                Row("attention", 900), Row("o_proj", 700), Row("sampler", 300).out(8, remote(0))});
  EXPECT_THAT(
      graph_text(build_graphs(trace, {.pim_keeps_the_chain = true})[0]),
      ElementsAre("0 LOAD REMOTE:0 40 ()", "1 COMP 500 (0)", "2 COMP 700 (1)", "3 COMP 900 (2)",
                  "4 COMP 700 (3)", "5 COMP 300 (4)", "6 STORE REMOTE:0 8 (5)"));
}

TEST(GraphRules, SubBatchesWaitForTheirOwnSections) {
  EXPECT_THAT(graph_text(build_graphs(interleaved(true), {.pim_keeps_the_chain = true})[0]),
              ElementsAre("0 LOAD REMOTE:0 40 ()", "1 COMP 1 (0)", "2 COMP 2 (1)",
                          "3 PIM 50 REMOTE:0.0 1 (2)", "4 COMP 3 (2)", "5 COMP 1 (4)",
                          "6 COMP 2 (5)", "7 PIM 50 REMOTE:0.0 1 (6)", "8 COMP 3 (6)",
                          "9 COMP 4 (8,3)", "10 COMP 5 (9)", "11 COMP 2 (10)",
                          "12 PIM 50 REMOTE:0.0 1 (11)", "13 COMP 3 (11)", "14 COMP 4 (13,7)",
                          "15 COMP 5 (14)", "16 COMP 2 (15)", "17 PIM 50 REMOTE:0.0 1 (16)",
                          "18 COMP 3 (16)", "19 COMP 4 (18,12)", "20 COMP 5 (19)", "21 COMP 6 (20)",
                          "22 COMP 7 (21)", "23 COMP 4 (22,17)", "24 COMP 5 (23)", "25 COMP 6 (24)",
                          "26 COMP 7 (25)", "27 STORE REMOTE:0 8 (26)"));
}

TEST(Graph, InterleavedWithoutNpuAttention) {
  const std::vector<std::string> lines = graph_text(build_graphs(interleaved(false), {})[0]);
  ASSERT_GE(lines.size(), 20U);
  EXPECT_EQ(lines[4], "4 COMP 1 ()");
  EXPECT_EQ(lines[7], "7 COMP 4 (3)");
  EXPECT_EQ(lines[11], "11 COMP 4 (6)");
  EXPECT_EQ(lines[15], "15 COMP 4 (10)");
  EXPECT_EQ(lines[19], "19 COMP 4 (18)");
}

}  // namespace
}  // namespace lockstep
