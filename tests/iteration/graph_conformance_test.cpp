// Every recorded trace becomes graphs that can run to their end.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "iteration/chakra.hpp"
#include "iteration/graph.hpp"
#include "iteration/graph_rows.hpp"
#include "reference_data.hpp"

namespace lockstep {
namespace {

/// NPUs per stage in the recorded runs with more than one.
std::int64_t npus_per_stage(const std::string& run) {
  const bool two = run == "dense_tp2" || run == "tp_pp" || run == "moe_tp2_ep2" ||
                   run.starts_with("moe_dp_tp_pp");
  return two ? 2 : 1;
}

void expect_runnable(const NpuGraph& graph) {
  std::size_t edges = 0;
  for (std::size_t node = 0; node < graph.size(); ++node) {
    edges += graph.children_of(node).size();
    for (const std::int32_t parent : graph.parents_of(node)) {
      ASSERT_LT(static_cast<std::size_t>(parent), node);  // so there is no circle
      const auto children = graph.children_of(static_cast<std::size_t>(parent));
      ASSERT_EQ(std::count(children.begin(), children.end(), static_cast<std::int32_t>(node)), 1);
    }
    if (node > 0) {
      ASSERT_GT(graph.id(node), graph.id(node - 1));
    }
  }
  EXPECT_EQ(edges, graph.parents.size());
}

using Message = std::tuple<std::int32_t, std::int32_t, std::int32_t, std::int64_t>;

void expect_messages_match(const std::vector<NpuGraph>& graphs) {
  std::map<Message, int> open;  // sends minus receives by (tag, source, target, size)
  for (const NpuGraph& graph : graphs) {
    for (const GraphNode& node : graph.nodes) {
      if (node.kind == NodeKind::send) {
        ++open[{node.tag, graph.npu, node.peer, node.size.count()}];
      } else if (node.kind == NodeKind::recv) {
        --open[{node.tag, node.peer, graph.npu, node.size.count()}];
      }
    }
  }
  for (const auto& [message, count] : open) {
    EXPECT_EQ(count, 0) << "tag " << std::get<0>(message);
  }
}

/// Time of plain rows is on every NPU of a stage, that of a slot on one.
std::int64_t expected_time(const TraceRows& rows, std::int64_t per_stage) {
  std::int64_t total = 0;
  bool slot = false;
  for (std::int32_t row = 0; row < rows.size(); ++row) {
    if (is_marker(rows[row])) {
      slot = rows[row].kind == RowKind::expert || rows[row].kind == RowKind::pim;
    }
    total += rows[row].comp_time.count() * (slot ? 1 : per_stage);
  }
  return total;
}

std::int64_t total_time(const std::vector<NpuGraph>& graphs) {
  std::int64_t total = 0;
  for (const NpuGraph& graph : graphs) {
    for (const GraphNode& node : graph.nodes) {
      total += node.duration.count();
    }
  }
  return total;
}

void expect_survives_file(const NpuGraph& graph) {
  const NpuGraph back = read_chakra(write_chakra(graph), graph.npu, "graph");
  ASSERT_EQ(back.size(), graph.size());
  EXPECT_EQ(back.parents, graph.parents);
  EXPECT_EQ(back.children, graph.children);
  for (std::size_t node = 0; node < graph.size(); ++node) {
    EXPECT_EQ(back.id(node), graph.id(node));
    EXPECT_EQ(back.nodes[node].kind, graph.nodes[node].kind);
    EXPECT_EQ(back.nodes[node].duration, graph.nodes[node].duration);
    EXPECT_EQ(back.nodes[node].size, graph.nodes[node].size);
    EXPECT_EQ(back.nodes[node].tag, graph.nodes[node].tag);
    EXPECT_EQ(back.nodes[node].comm_mask, graph.nodes[node].comm_mask);
  }
}

TEST(GraphConformance, RecordedTracesBecomeRunnableGraphs) {
  LOCKSTEP_REQUIRE_REFERENCE(reference);
  int traces = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(reference / "vectors" / "traces")) {
    if (entry.path().extension() != ".txt") {
      continue;
    }
    ++traces;
    SCOPED_TRACE(entry.path().string());
    std::ifstream in(entry.path());
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const ParsedTrace parsed = parse_trace(text, entry.path().string());
    const std::int64_t per_stage = npus_per_stage(entry.path().parent_path().filename().string());
    const GraphContext context{.num_npus = per_stage * parsed.trace.pp_size, .first_npu = 4};
    const std::vector<NpuGraph> graphs = build_graphs(parsed.trace, context);
    const bool prefill = parsed.trace.type == ExecutionType::prefill;
    ASSERT_EQ(graphs.size(), static_cast<std::size_t>(context.num_npus * (prefill ? 2 : 1)));
    TraceRows rows;
    rows.assign(parsed.trace);
    EXPECT_EQ(total_time(graphs), expected_time(rows, per_stage));
    expect_messages_match(graphs);
    for (const NpuGraph& graph : graphs) {
      expect_runnable(graph);
      expect_survives_file(graph);
    }
  }
  EXPECT_GT(traces, 60);
}

}  // namespace
}  // namespace lockstep
