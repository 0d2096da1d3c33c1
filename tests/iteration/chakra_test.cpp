// Graph files: what is written is read back, and nothing that is read can do harm.
#include "iteration/chakra.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "base/error.hpp"
#include "chakra/chakra.pb.h"
#include "graph_text.hpp"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using testing::expert;
using testing::expert_end;
using testing::graph_text;
using ::testing::HasSubstr;
using testing::pim;
using testing::pim_end;
using testing::remote;
using testing::Row;
using testing::trace_of;

constexpr DimMask kOuter{2, 0b10};

/// One node of every kind, kv rows, two stages and two NPUs each.
IterationTrace rich_trace() {
  return trace_of(
      {Row("kv_load").weight(64, remote(0)).kind(RowKind::kv_load),
       Row("kv_evict").weight(32, remote(1)).kind(RowKind::kv_evict),
       Row("embedding", 500).in(40, remote(0)).weight(7, remote(0)).out(96), pim(0),
       Row("attention", 9).in(5, remote(0, 3)), pim(1), Row("attention", 8).in(6, remote(0, 4)),
       pim_end(), Row("o_proj", 70).out(96).comm(CollectiveKind::all_reduce, 96, kOuter),
       Row("layernorm", 3).in(96), expert(0).comm(CollectiveKind::all_gather, 16),
       Row("expert", 20), expert(1), Row("expert", 21),
       expert_end().comm(CollectiveKind::reduce_scatter, 48),
       Row("sampler", 300).out(8, remote(0))},
      {5 + 2});
}

std::vector<NpuGraph> rich_graphs() {
  return build_graphs(rich_trace(), {.num_npus = 4, .first_npu = 10});
}

std::string framed(const google::protobuf::MessageLite& message) {
  const std::string body = message.SerializeAsString();
  EXPECT_LT(body.size(), 128U);
  return std::string(1, static_cast<char>(body.size())) + body;
}

std::string file_of(const std::vector<chakra::Node>& nodes) {
  chakra::Metadata metadata;
  metadata.set_version("0.0.4");
  std::string bytes = framed(metadata);
  for (const chakra::Node& node : nodes) {
    bytes += framed(node);
  }
  return bytes;
}

chakra::Node compute(std::uint64_t id, std::uint64_t duration,
                     std::initializer_list<std::uint64_t> parents = {}) {
  chakra::Node node;
  node.set_id(id);
  node.set_type(5);
  node.set_duration_micros(duration);
  for (const std::uint64_t parent : parents) {
    node.add_data_deps(parent);
  }
  return node;
}

TEST(Chakra, GraphsComeBackAsTheyWere) {
  for (const NpuGraph& graph : rich_graphs()) {
    const NpuGraph back = read_chakra(write_chakra(graph), graph.npu, "llm.et");
    EXPECT_EQ(back.npu, graph.npu);
    std::vector<std::string> expected = graph_text(graph);
    EXPECT_EQ(graph_text(back), expected);
    EXPECT_EQ(back.num_parents, graph.num_parents);
    EXPECT_EQ(back.children, graph.children);
    EXPECT_EQ(back.child_begin, graph.child_begin);
  }
}

TEST(Chakra, NamesSayWhereANodeComesFrom) {
  const std::vector<NpuGraph> graphs = rich_graphs();
  EXPECT_THAT(
      chakra_names(graphs[1], rich_trace()),
      ElementsAre("MEM_LOAD_NODE_kv_load_0_WEIGHT", "MEM_STORE_NODE_kv_evict_1_WEIGHT",
                  "MEM_LOAD_NODE_embedding_2_INPUT", "MEM_LOAD_NODE_embedding_2_WEIGHT",
                  "COMP_NODE_embedding_2", "PIM_COMP_NODE_attention_6_PIM", "COMP_NODE_o_proj_8",
                  "COMM_COLL_NODE_o_proj_8_ALLREDUCE", "COMM_SEND_NODE_o_proj_8_ALLREDUCE_11_13"));
  EXPECT_THAT(chakra_names(graphs[2], rich_trace()),
              ElementsAre("MEM_LOAD_NODE_kv_load_0_WEIGHT", "MEM_STORE_NODE_kv_evict_1_WEIGHT",
                          "COMM_RECV_NODE_layernorm_9_NONE_10_12", "COMP_NODE_layernorm_9",
                          "COMM_COLL_NODE_expert_start_ALLGATHER", "COMP_NODE_expert_11",
                          "COMM_COLL_NODE_expert_end_REDUCESCATTER", "COMP_NODE_sampler_15",
                          "MEM_STORE_NODE_sampler_15_OUTPUT"));
}

TEST(Chakra, HandOverMessagesAreNamedForTheCache) {
  IterationTrace trace = trace_of(
      {Row("qkv_proj", 7).comm(CollectiveKind::none, 100), Row("sampler", 3).out(8, remote(0))});
  trace.type = ExecutionType::prefill;
  const std::vector<NpuGraph> graphs = build_graphs(trace, {});
  EXPECT_THAT(chakra_names(graphs[1], trace),
              ElementsAre("COMM_RECV_NODE_kv_proj_NONE_0_1", "COMM_RECV_NODE_sampler_1_NONE_0_1"));
  const NpuGraph back = read_chakra(write_chakra(graphs[1]), 1, "llm.1.et");
  EXPECT_EQ(graph_text(back), graph_text(graphs[1]));
}

TEST(Chakra, FirstBytesAreTheFormatsOwn) {
  const std::string bytes = write_chakra(event_graph(0, Nanos{300}), std::vector<std::string>{"e"});
  // version "0.0.4"; then name "e", type 5, duration 300 (id 0 is not written).
  EXPECT_EQ(bytes, std::string("\x07\x0a\x05"
                               "0.0.4"
                               "\x08\x12\x01"
                               "e"
                               "\x18\x05\x38\xac\x02"));
}

TEST(Chakra, ControlDependenciesCountAndRepetitionsDoNot) {
  chakra::Node last = compute(9, 1, {4, 4});
  last.add_ctrl_deps(7);
  const NpuGraph graph = read_chakra(file_of({last, compute(7, 2), compute(4, 3)}), 0, "x.et");
  EXPECT_THAT(graph_text(graph), ElementsAre("4 COMP 3 ()", "7 COMP 2 ()", "9 COMP 1 (4,7)"));
}

/// The message of the UserError that reading raises.
std::string problem_of(const std::string& bytes) {
  try {
    (void)read_chakra(bytes, 0, "x.et");
  } catch (const UserError& error) {
    EXPECT_EQ(error.where().file, "x.et");
    return error.problem();
  }
  return "no error";
}

TEST(ChakraErrors, ImpossibleGraphs) {
  EXPECT_THAT(problem_of(""), HasSubstr("empty"));
  EXPECT_THAT(problem_of(file_of({compute(1, 1), compute(1, 1)})), HasSubstr("id 1 appears twice"));
  EXPECT_THAT(problem_of(file_of({compute(1, 1, {5})})), HasSubstr("node 1 depends on node 5"));
  EXPECT_THAT(problem_of(file_of({compute(1, 1, {1})})), HasSubstr("node 1 depends on itself"));
  EXPECT_THAT(problem_of(file_of({compute(0, 1), compute(1, 1, {2}), compute(2, 1, {1})})),
              HasSubstr("node 1 depends on itself"));
  EXPECT_THAT(problem_of(file_of({compute(std::uint64_t{1} << 63U, 1)})), HasSubstr("too large"));
  EXPECT_THAT(problem_of(file_of({compute(3, std::uint64_t{1} << 54U)})), HasSubstr("node 3"));
  std::vector<chakra::Node> many;
  for (std::uint64_t id = 0; id < 200; ++id) {
    many.push_back(compute(id, std::uint64_t{1} << 53U));
  }
  EXPECT_THAT(problem_of(file_of(many)), HasSubstr("add up"));
}

TEST(ChakraErrors, ImpossibleNodes) {
  chakra::Node node = compute(6, 1);
  for (const std::uint32_t type : {0U, 1U, 9U, 4000000000U}) {
    node.set_type(type);
    EXPECT_THAT(problem_of(file_of({node})), HasSubstr("node 6: unknown node type"));
  }
  node.set_type(2);
  EXPECT_THAT(problem_of(file_of({node})), HasSubstr("tensor_loc is missing"));
  node.set_type(8);
  chakra::Attribute& kind = *node.add_attr();
  kind.set_name("comm_type");
  kind.set_int64_val(3);
  EXPECT_THAT(problem_of(file_of({node})), HasSubstr("unknown comm_type"));
  kind.set_int64_val(0);
  chakra::Attribute& size = *node.add_attr();
  size.set_name("comm_size");
  size.set_int64_val(-1);
  EXPECT_THAT(problem_of(file_of({node})), HasSubstr("comm_size is not an integer"));
  size.set_uint64_val(77);
  EXPECT_EQ(problem_of(file_of({node})), "no error");
  chakra::Attribute& mask = *node.add_attr();
  mask.set_name("involved_dim");
  for (int dim = 0; dim < 33; ++dim) {
    mask.mutable_bool_list()->add_values(true);
  }
  EXPECT_THAT(problem_of(file_of({node})), HasSubstr("involved_dim"));
}

TEST(ChakraErrors, MessageOfAnotherNpu) {
  const NpuGraph graph = rich_graphs()[0];
  EXPECT_THROW((void)read_chakra(write_chakra(graph), graph.npu + 1, "x.et"), UserError);
}

TEST(ChakraErrors, HugeLength) {
  EXPECT_THAT(problem_of("\xff\xff\xff\xff\x0f"), HasSubstr("file ends before"));
  EXPECT_THAT(problem_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), HasSubstr("length"));
}

/// Reading gives a graph or a UserError and nothing else.
void read_anything(const std::string& bytes) {
  try {
    const NpuGraph graph = read_chakra(bytes, 10, "x.et");
    RC_ASSERT(graph.num_parents.size() == graph.size());
    RC_ASSERT(graph.child_begin.size() == graph.size() + 1);
  } catch (const UserError&) {
  }
}

RC_GTEST_PROP(ChakraProperty, DamagedFilesAreRefusedOrRead, ()) {
  static const std::string kGood = write_chakra(rich_graphs()[0]);
  std::string bytes = kGood;
  const auto flips = *rc::gen::inRange(0, 8);
  for (int i = 0; i < flips; ++i) {
    const auto place = *rc::gen::inRange<std::size_t>(0, bytes.size());
    bytes[place] = static_cast<char>(*rc::gen::inRange(0, 256));
  }
  bytes.resize(*rc::gen::inRange<std::size_t>(0, bytes.size() + 1));
  read_anything(bytes);
}

RC_GTEST_PROP(ChakraProperty, NoiseIsRefusedOrRead, (const std::string& noise)) {
  read_anything(noise);
}

TEST(ChakraProperty, EveryTruncationIsRefusedOrRead) {
  const std::string good = write_chakra(rich_graphs()[0]);
  std::size_t read = 0;
  for (std::size_t length = 0; length < good.size(); ++length) {
    try {
      (void)read_chakra(std::string_view(good).substr(0, length), 10, "x.et");
      ++read;
    } catch (const UserError&) {
    }
  }
  // A cut between two messages leaves a shorter file that is whole (parents come first).
  EXPECT_EQ(read, rich_graphs()[0].size());
}

}  // namespace
}  // namespace lockstep
