// Puts a graph together node by node: parents are named while their node is the newest one, and
// the children lists follow from them at the end.
#pragma once

#include <cstdint>
#include <vector>

#include "iteration/graph.hpp"

namespace lockstep {

inline constexpr std::int32_t kNoNode = -1;
/// Row number of the nodes made from leading kv rows.
inline constexpr std::int32_t kKvRow = -1;

/// Reusable; one graph at a time.
class GraphAssembly {
public:
  /// Empties `graph` but keeps its buffers. Parents may be any of the first `expected_nodes` nodes,
  /// also ones not yet added, besides those there already.
  void begin(NpuGraph& graph, std::int32_t npu, std::size_t expected_nodes);
  /// Index of the new node.
  std::int32_t add(const GraphNode& node);
  /// The newest node waits for `parent`; kNoNode and repetitions are left out.
  void parent(std::int32_t parent);
  void finish();

private:
  NpuGraph* graph_ = nullptr;
  std::vector<std::int32_t> last_child_;  ///< per node: the newest node that named it a parent
};

}  // namespace lockstep
