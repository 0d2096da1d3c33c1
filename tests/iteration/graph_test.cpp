// The shape of the graphs: which nodes, with which ids and parents.
#include "iteration/graph.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph_text.hpp"
#include "iteration/graph_builder.hpp"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using testing::expert;
using testing::expert_end;
using testing::graph_text;
using testing::interleaved;
using testing::remote;
using testing::Row;
using testing::trace_of;

constexpr auto kAllReduce = CollectiveKind::all_reduce;
constexpr DimMask kInner{2, 0b01};
constexpr DimMask kBoth{2, 0b11};

TEST(Graph, TensorParallelChainWithKvLoad) {
  const IterationTrace trace =
      trace_of({Row("kv_load").weight(262144, remote(0)).kind(RowKind::kv_load),
                Row("embedding", 500).in(40, remote(0)).weight(1000).out(65536),
                Row("o_proj", 700).in(65536).weight(100).out(65536).comm(kAllReduce, 65536),
                Row("sampler", 300).in(9999).out(8, remote(0))});
  const std::vector<NpuGraph> graphs = build_graphs(trace, {.num_npus = 2});
  ASSERT_EQ(graphs.size(), 2U);
  EXPECT_THAT(graph_text(graphs[0]),
              ElementsAre("0 LOAD REMOTE:0 262144 ()", "1 LOAD REMOTE:0 40 ()", "2 COMP 500 (1,0)",
                          "3 COMP 700 (2)", "4 ALLREDUCE 65536 (3)", "5 COMP 300 (4)",
                          "6 STORE REMOTE:0 8 (5)"));
  EXPECT_THAT(graph_text(graphs[1]),
              ElementsAre("0 LOAD REMOTE:0 262144 ()", "7 LOAD REMOTE:0 40 ()", "8 COMP 500 (7,0)",
                          "9 COMP 700 (8)", "10 ALLREDUCE 65536 (9)", "11 COMP 300 (10)",
                          "12 STORE REMOTE:0 8 (11)"));
  EXPECT_EQ(graphs[1].npu, 1);
}

TEST(Graph, KvEvictIsWaitedForBeforeKvLoad) {
  const IterationTrace trace =
      trace_of({Row("kv_load").weight(64, remote(0)).kind(RowKind::kv_load),
                Row("kv_evict").weight(32, remote(1)).kind(RowKind::kv_evict),
                Row("embedding", 500).in(40, remote(0)).weight(7, remote(0)),
                Row("sampler", 300).out(8, remote(0))});
  EXPECT_THAT(graph_text(build_graphs(trace, {})[0]),
              ElementsAre("0 LOAD REMOTE:0 64 ()", "1 STORE REMOTE:1 32 ()",
                          "2 LOAD REMOTE:0 40 ()", "3 LOAD REMOTE:0 7 ()", "4 COMP 500 (2,1,0,3)",
                          "5 COMP 300 (4)", "6 STORE REMOTE:0 8 (5)"));
}

TEST(Graph, PipelineStagesPassMessages) {
  const IterationTrace trace =
      trace_of({Row("embedding", 500).in(40, remote(0)).out(65536),
                Row("down_proj", 700).in(65536).out(65536).comm(kAllReduce, 65536, kInner),
                Row("layernorm", 700).in(65536).out(65536),
                Row("down_proj", 700).in(65536).out(65536).comm(kAllReduce, 65536, kInner),
                Row("sampler", 300).in(9999).out(8, remote(0))},
               {2});
  const std::vector<NpuGraph> graphs = build_graphs(trace, {.num_npus = 4});
  ASSERT_EQ(graphs.size(), 4U);
  EXPECT_THAT(graph_text(graphs[0]),
              ElementsAre("0 LOAD REMOTE:0 40 ()", "1 COMP 500 (0)", "2 COMP 700 (1)",
                          "3 ALLREDUCE:1,0 65536 (2)", "4 SEND to 2 65536 tag 0 (3)"));
  EXPECT_THAT(graph_text(graphs[1]),
              ElementsAre("5 LOAD REMOTE:0 40 ()", "6 COMP 500 (5)", "7 COMP 700 (6)",
                          "8 ALLREDUCE:1,0 65536 (7)", "9 SEND to 3 65536 tag 1 (8)"));
  EXPECT_THAT(
      graph_text(graphs[2]),
      ElementsAre("10 RECV from 0 65536 tag 0 ()", "11 COMP 700 (10)", "12 COMP 700 (11)",
                  "13 ALLREDUCE:1,0 65536 (12)", "14 COMP 300 (13)", "15 STORE REMOTE:0 8 (14)"));
  EXPECT_THAT(
      graph_text(graphs[3]),
      ElementsAre("16 RECV from 1 65536 tag 1 ()", "17 COMP 700 (16)", "18 COMP 700 (17)",
                  "19 ALLREDUCE:1,0 65536 (18)", "20 COMP 300 (19)", "21 STORE REMOTE:0 8 (20)"));
}

TEST(Graph, ExpertsBesideTheFirstDoNotWaitForTheDispatch) {
  const MemoryLocation cxl{MemoryTier::cxl, 1, -1};
  const IterationTrace trace =
      trace_of({Row("embedding", 900).in(40, remote(0)).out(65536),
                expert(0).comm(CollectiveKind::all_gather, 16384, kBoth),
                Row("expert", 4000).weight(600000, cxl), expert(1), Row("expert", 3000),
                expert_end().comm(CollectiveKind::reduce_scatter, 65536, kBoth),
                Row("sampler", 300).out(8, remote(0))});
  const std::vector<NpuGraph> graphs = build_graphs(trace, {.num_npus = 2, .first_npu = 2});
  ASSERT_EQ(graphs.size(), 2U);
  EXPECT_EQ(graphs[0].npu, 2);
  EXPECT_THAT(
      graph_text(graphs[0]),
      ElementsAre("0 LOAD REMOTE:0 40 ()", "1 COMP 900 (0)", "2 ALLGATHER:1,1 16384 (1)",
                  "3 LOAD CXL:1 600000 (1)", "4 COMP 4000 (3,2)", "5 REDUCESCATTER:1,1 65536 (4)",
                  "6 COMP 300 (5)", "7 STORE REMOTE:0 8 (6)"));
  EXPECT_THAT(graph_text(graphs[1]),
              ElementsAre("8 LOAD REMOTE:0 40 ()", "9 COMP 900 (8)", "10 ALLGATHER:1,1 16384 (9)",
                          "11 COMP 3000 (9)", "12 REDUCESCATTER:1,1 65536 (11)", "13 COMP 300 (12)",
                          "14 STORE REMOTE:0 8 (13)"));
}

TEST(Graph, StageEndingInExpertsSendsAfterTheLastCompute) {
  const IterationTrace trace = trace_of(
      {Row("embedding", 500).in(40, remote(0)).out(64), expert(0),
       Row("expert", 400).in(64).out(64), expert_end().comm(CollectiveKind::reduce_scatter, 128),
       Row("layernorm", 10).in(64).out(64), Row("sampler", 300).out(8, remote(0))},
      {4});
  const std::vector<NpuGraph> graphs = build_graphs(trace, {.num_npus = 2});
  EXPECT_THAT(graph_text(graphs[0]),
              ElementsAre("0 LOAD REMOTE:0 40 ()", "1 COMP 500 (0)", "2 COMP 400 (1)",
                          "3 REDUCESCATTER 128 (2)", "4 SEND to 1 64 tag 0 (2)"));
  EXPECT_THAT(graph_text(graphs[1]), ElementsAre("5 RECV from 0 64 tag 0 ()", "6 COMP 10 (5)",
                                                 "7 COMP 300 (6)", "8 STORE REMOTE:0 8 (7)"));
}

TEST(Graph, PrefillHandsOverToReceivers) {
  IterationTrace trace = trace_of(
      {Row("embedding", 500).in(40, remote(0)),
       Row("qkv_proj", 700).out(99999).comm(CollectiveKind::none, 131072),
       Row("o_proj", 200).comm(kAllReduce, 65536, kInner), Row("sampler", 300).out(8, remote(0))});
  trace.type = ExecutionType::prefill;
  const std::vector<NpuGraph> graphs = build_graphs(trace, {.num_npus = 2});
  ASSERT_EQ(graphs.size(), 4U);
  EXPECT_THAT(graph_text(graphs[0]), ElementsAre("0 LOAD REMOTE:0 40 ()", "1 COMP 500 (0)",
                                                 "2 COMP 700 (1)", "3 SEND to 2 131072 tag 0 (2)",
                                                 "5 COMP 200 (2)", "6 ALLREDUCE:1,0 65536 (5)",
                                                 "7 COMP 300 (6)", "8 SEND to 2 8 tag 1 (7)"));
  EXPECT_THAT(
      graph_text(graphs[1]),
      ElementsAre("10 LOAD REMOTE:0 40 ()", "11 COMP 500 (10)", "12 COMP 700 (11)",
                  "13 SEND to 3 131072 tag 2 (12)", "15 COMP 200 (12)",
                  "16 ALLREDUCE:1,0 65536 (15)", "17 COMP 300 (16)", "18 SEND to 3 8 tag 3 (17)"));
  EXPECT_THAT(graph_text(graphs[2]),
              ElementsAre("4 RECV from 0 131072 tag 0 ()", "9 RECV from 0 8 tag 1 ()"));
  EXPECT_THAT(graph_text(graphs[3]),
              ElementsAre("14 RECV from 1 131072 tag 2 ()", "19 RECV from 1 8 tag 3 ()"));
}
TEST(Graph, OffloadedWeightsWaitForNothing) {
  const IterationTrace trace = trace_of(
      {Row("embedding", 500).in(40, remote(0)).weight(256000, remote(0)),
       Row("qkv_proj", 700).weight(512000, remote(0)), Row("sampler", 300).out(8, remote(0))});
  EXPECT_THAT(graph_text(build_graphs(trace, {})[0]),
              ElementsAre("0 LOAD REMOTE:0 40 ()", "1 LOAD REMOTE:0 256000 ()", "2 COMP 500 (0,1)",
                          "3 LOAD REMOTE:0 512000 ()", "4 COMP 700 (3,2)", "5 COMP 300 (4)",
                          "6 STORE REMOTE:0 8 (5)"));
}

TEST(Graph, LocalOffloadingLoadsLocalWeightsToo) {
  const IterationTrace trace = trace_of({Row("embedding", 500).weight(16)});
  EXPECT_THAT(graph_text(build_graphs(trace, {.local_offloading = true})[0]),
              ElementsAre("0 LOAD LOCAL 0 ()", "1 LOAD LOCAL 16 ()", "2 COMP 500 (0,1)",
                          "3 STORE LOCAL 0 (2)"));
  EXPECT_EQ(build_graphs(trace, {})[0].size(), 3U);
}

TEST(Graph, RowsWithoutTimeAreSkippedOver) {
  const IterationTrace trace =
      trace_of({Row("a", 1), Row("b"), Row("c", 2), Row("d"), Row("e"), Row("f", 3), Row("g")});
  EXPECT_THAT(graph_text(build_graphs(trace, {})[0]),
              ElementsAre("0 LOAD LOCAL 0 ()", "1 COMP 1 (0)", "2 COMP 2 (1)", "3 COMP 3 (2)",
                          "4 STORE LOCAL 0 (3)"));
}

TEST(Graph, RepeatedSegmentsAreRowsLikeOthers) {
  IterationTrace repeated = trace_of({Row("embedding", 5)});
  repeated.segments.push_back({{Row("a", 1), Row("b", 2).comm(kAllReduce, 64)}, 3});
  const IterationTrace flat =
      trace_of({Row("embedding", 5), Row("a", 1), Row("b", 2).comm(kAllReduce, 64), Row("a", 1),
                Row("b", 2).comm(kAllReduce, 64), Row("a", 1), Row("b", 2).comm(kAllReduce, 64)});
  EXPECT_EQ(graph_text(build_graphs(repeated, {.num_npus = 2})[1]),
            graph_text(build_graphs(flat, {.num_npus = 2})[1]));
  EXPECT_EQ(build_graphs(repeated, {})[0].nodes.back().row, 6);
}

TEST(Graph, SurplusNpusGetNoGraph) {
  const IterationTrace trace = trace_of({Row("a", 1), Row("b", 2)}, {1});
  EXPECT_EQ(build_graphs(trace, {.num_npus = 5}).size(), 4U);
}

TEST(Graph, ChildrenMirrorParents) {
  const NpuGraph graph = build_graphs(interleaved(true), {})[0];
  std::vector<std::vector<std::int32_t>> children(graph.size());
  for (std::size_t node = 0; node < graph.size(); ++node) {
    EXPECT_EQ(graph.parents_of(node).size(), static_cast<std::size_t>(graph.num_parents[node]));
    for (const std::int32_t parent : graph.parents_of(node)) {
      children[static_cast<std::size_t>(parent)].push_back(static_cast<std::int32_t>(node));
    }
  }
  for (std::size_t node = 0; node < graph.size(); ++node) {
    EXPECT_THAT(graph.children_of(node), ::testing::ElementsAreArray(children[node]));
  }
}

TEST(Graph, EventIsOneComputeNode) {
  const NpuGraph graph = event_graph(3, Nanos{77});
  EXPECT_EQ(graph.npu, 3);
  EXPECT_THAT(graph_text(graph), ElementsAre("0 COMP 77 ()"));
}

TEST(GraphBuilder, ReusesOnlyGraphsNobodyElseHolds) {
  GraphBuilder builder;
  std::vector<std::shared_ptr<NpuGraph>> out;
  const IterationTrace small = trace_of({Row("a", 1)});
  builder.build(interleaved(true), {}, out);
  const NpuGraph* first = out[0].get();
  builder.build(small, {}, out);
  EXPECT_EQ(out[0].get(), first);
  EXPECT_EQ(graph_text(*out[0]), graph_text(build_graphs(small, {})[0]));
  const std::shared_ptr<const NpuGraph> held = out[0];
  builder.build(interleaved(false), {}, out);
  EXPECT_NE(out[0], held);
  EXPECT_EQ(graph_text(*held), graph_text(build_graphs(small, {})[0]));
  EXPECT_EQ(graph_text(*out[0]), graph_text(build_graphs(interleaved(false), {})[0]));
}

}  // namespace
}  // namespace lockstep
