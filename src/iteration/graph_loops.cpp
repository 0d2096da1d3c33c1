#include "iteration/graph_loops.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

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

/// Edges leave the loop from its last node only and enter it at its first only.
bool keeps_to_itself(const GraphLoop& loop, const NpuGraph& graph) {
  const auto inside = [&](std::int32_t node) { return node >= loop.first && node < loop.end; };
  for (std::int32_t v = loop.first; v < loop.end; ++v) {
    const auto node = static_cast<std::size_t>(v);
    const auto parents = graph.parents_of(node);
    const auto children = graph.children_of(node);
    const bool entered = v == loop.first ? parents.size() == 1 && parents.front() == loop.first - 1
                                         : !parents.empty() && std::ranges::all_of(parents, inside);
    const bool left = v == loop.end - 1 ? std::ranges::none_of(children, inside)
                                        : std::ranges::all_of(children, inside);
    if (!entered || !left || !runs_on_the_npu(graph.nodes[node])) {
      return false;
    }
  }
  return true;
}

/// When the last node from `first` to `end` has ended, all have. A collective has no children where
/// the next one follows without waiting for it; but an NPU runs one at a time, those that are ready
/// in order, so that the next one ends later if it is never ready before.
bool ends_with_its_last(std::int32_t first, std::int32_t end, const NpuGraph& graph) {
  using Nodes = std::uint64_t;  // a bit each
  constexpr std::int32_t kMost = 64;
  const std::int32_t count = end - first;
  if (count < 1 || count > kMost) {
    return false;
  }
  const auto bit = [](std::int32_t node) { return Nodes{1} << static_cast<unsigned>(node); };
  std::array<Nodes, kMost> ended{};   // before this one ends
  std::array<Nodes, kMost> waited{};  // for, by name
  std::int32_t collective = kNoNode;
  for (std::int32_t v = 0; v < count; ++v) {
    const auto at = static_cast<std::size_t>(v);
    const auto node = static_cast<std::size_t>(first + v);
    for (const std::int32_t parent : graph.parents_of(node)) {
      const std::int32_t p = parent - first;
      if (p >= v) {
        return false;
      }
      if (p >= 0) {
        waited[at] |= bit(p);
        ended[at] |= bit(p) | ended[static_cast<std::size_t>(p)];
      }
    }
    if (graph.nodes[node].kind != NodeKind::collective) {
      continue;
    }
    if (collective != kNoNode) {
      const auto before = static_cast<std::size_t>(collective);
      if ((waited[before] & ~ended[at]) == 0) {
        ended[at] |= bit(collective) | ended[before];
      }
    }
    collective = v;
  }
  const Nodes others = bit(count - 1) - 1;
  return (others & ~ended[static_cast<std::size_t>(count) - 1]) == 0;
}

/// No node behind the loop begins before it has ended.
bool holds_back_the_rest(const GraphLoop& loop, const NpuGraph& graph) {
  const std::int32_t last = loop.end - 1;
  for (auto v = static_cast<std::size_t>(loop.end); v < graph.size(); ++v) {
    const auto parents = graph.parents_of(v);
    if (std::ranges::none_of(parents, [&](std::int32_t parent) { return parent >= last; })) {
      return false;
    }
  }
  return true;
}

/// `begin`: the first node that the loop before it has not waited for.
bool is_closed(const GraphLoop& loop, std::int32_t begin, const NpuGraph& graph) {
  return loop.first > begin && loop.first < loop.end &&
         ends_with_its_last(begin, loop.first, graph) && keeps_to_itself(loop, graph) &&
         ends_with_its_last(loop.first, loop.end, graph) && holds_back_the_rest(loop, graph);
}

}  // namespace

bool close_loops(const std::vector<TraceRows::Copies>& folded, NpuGraph& graph) {
  graph.loops.clear();
  std::int32_t begin = 0;
  for (const TraceRows::Copies& rows : folded) {
    const GraphLoop loop = loop_of(rows, graph);
    if (!is_closed(loop, begin, graph)) {
      return false;
    }
    graph.loops.push_back(loop);
    begin = loop.end;
  }
  return true;
}

}  // namespace lockstep
