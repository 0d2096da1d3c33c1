#include "iteration/graph_loops.hpp"

#include <algorithm>

#include "iteration/graph_assembly.hpp"

namespace lockstep {
namespace {

/// The nodes made from the rows; they follow each other, since rows are walked in order.
GraphLoop loop_of(const TraceRows::Copies& rows, const NpuGraph& graph) {
  const auto before = [&](std::int32_t row) {
    const auto found = std::find_if(graph.nodes.begin() + graph.num_shared + 1, graph.nodes.end(),
                                    [row](const GraphNode& node) { return node.row >= row; });
    return static_cast<std::int32_t>(found - graph.nodes.begin());
  };
  return {before(rows.begin), before(rows.end), rows.copies};
}

bool runs_on_the_npu(const GraphNode& node) {
  return node.kind == NodeKind::compute || node.kind == NodeKind::collective;
}

/// Every node but the first waits for nodes of the loop only, every one but the last is waited for
/// by nodes of the loop only, and no one less: so the last one to end is the last one.
bool is_closed(const GraphLoop& loop, const NpuGraph& graph) {
  const auto inside = [&](std::int32_t node) { return node >= loop.first && node < loop.end; };
  for (std::int32_t v = loop.first; v < loop.end; ++v) {
    const auto node = static_cast<std::size_t>(v);
    const auto parents = graph.parents_of(node);
    const auto children = graph.children_of(node);
    if (!runs_on_the_npu(graph.nodes[node])) {
      return false;
    }
    if (v == loop.first) {
      if (parents.size() != 1 || parents.front() != loop.first - 1) {
        return false;
      }
    } else if (parents.empty() || !std::ranges::all_of(parents, inside)) {
      return false;
    }
    if (v == loop.end - 1) {
      if (std::ranges::any_of(children, inside)) {
        return false;
      }
    } else if (children.empty() || !std::ranges::all_of(children, inside)) {
      return false;
    }
  }
  return true;
}

/// Nothing else is under way while the loop runs: all nodes before it have ended when it begins, and
/// none behind it begins before it has ended.
bool stands_alone(const GraphLoop& loop, const NpuGraph& graph) {
  const std::int32_t before = loop.first - 1;
  for (std::int32_t v = 0; v < before; ++v) {
    const auto children = graph.children_of(static_cast<std::size_t>(v));
    if (std::ranges::none_of(children, [&](std::int32_t child) { return child <= before; })) {
      return false;
    }
  }
  const std::int32_t last = loop.end - 1;
  for (auto v = static_cast<std::size_t>(loop.end); v < graph.size(); ++v) {
    const auto parents = graph.parents_of(v);
    if (std::ranges::none_of(parents, [&](std::int32_t parent) { return parent >= last; })) {
      return false;
    }
  }
  return true;
}

}  // namespace

bool close_loops(const std::vector<TraceRows::Copies>& folded, NpuGraph& graph) {
  graph.loops.clear();
  for (const TraceRows::Copies& rows : folded) {
    const GraphLoop loop = loop_of(rows, graph);
    if (loop.first < 1 || loop.first >= loop.end || !is_closed(loop, graph) ||
        !stands_alone(loop, graph)) {
      return false;
    }
    graph.loops.push_back(loop);
  }
  return true;
}

}  // namespace lockstep
