// The rows of a batch as one dependency graph per NPU.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/units.hpp"
#include "config/cluster.hpp"
#include "config/memory_location.hpp"
#include "iteration/trace.hpp"
#include "network/collective.hpp"

namespace lockstep {

/// Values are the node type codes of the field's graph files.
enum class NodeKind : std::uint8_t {
  mem_load = 2,
  mem_store = 3,
  pim = 4,
  compute = 5,
  send = 6,
  recv = 7,
  collective = 8
};

struct GraphNode {
  NodeKind kind = NodeKind::compute;
  CollectiveKind comm = CollectiveKind::none;
  DimMask comm_mask;
  std::int32_t row = 0;    ///< row number it was made from, leading kv rows not counted; kv: -1
  std::int32_t peer = -1;  ///< send: destination NPU, recv: source NPU
  std::int32_t tag = 0;    ///< of a send or receive
  /// Compute and pim. Of a collective: its time once all members are there; 0: by the network.
  Nanos duration;
  Bytes size;               ///< tensor or message
  MemoryLocation location;  ///< mem_load, mem_store, pim
};

/// Nodes that run several times in a row before what follows them: equal layers, written once. When
/// the last one has ended, the first begins anew until all copies are through. The loop is closed:
/// only its first node waits for anything outside, and that for the node before it alone; only its
/// last one is waited for from outside; when that has ended, all of them have. Nodes in it compute
/// or take part in collectives, at most 64 of them.
struct GraphLoop {
  std::int32_t first = 0;
  std::int32_t end = 0;     ///< one past the last node
  std::int64_t copies = 1;  ///< in all
  friend bool operator==(const GraphLoop&, const GraphLoop&) = default;
};

/// Nodes in creation order; the order is the issue priority (lowest first). Edges are stored as
/// children lists in insertion order plus a parent count per node.
struct NpuGraph {
  std::int32_t npu = 0;
  std::int64_t first_id = 0;    ///< id of nodes[num_shared] in the whole conversion
  std::int32_t num_shared = 0;  ///< leading kv nodes, whose ids are 0 and 1 on every rank
  /// Ids where they are not consecutive (a sender's, interleaved with its receiver's); else empty.
  std::vector<std::int64_t> ids;
  std::vector<GraphNode> nodes;
  std::vector<std::int32_t> num_parents;
  std::vector<std::int32_t> child_begin;  ///< nodes.size() + 1 offsets into children
  std::vector<std::int32_t> children;
  std::vector<std::int32_t> parents;  ///< same edges the other way, for files
  std::vector<std::int32_t> parent_begin;
  std::vector<GraphLoop> loops;  ///< ascending, apart from each other; empty: every node runs once

  [[nodiscard]] std::size_t size() const { return nodes.size(); }
  /// Id of a node in the whole conversion, as the graph files show it.
  [[nodiscard]] std::int64_t id(std::size_t node) const;
  [[nodiscard]] std::span<const std::int32_t> children_of(std::size_t node) const;
  [[nodiscard]] std::span<const std::int32_t> parents_of(std::size_t node) const;
};

/// How far a graph is written shorter than its rows. Times at which whole nodes end stay the same;
/// what is left out are times in between, which only somebody else could see.
enum class Folding : std::uint8_t {
  none,   ///< every copy of a segment has nodes of its own
  loops,  ///< copies from the third on become a loop where it is closed
  /// Besides, computations of a repeated segment that follow each other are one node. For an
  /// instance that is alone: its NPUs are busy together while such segments run.
  layers,
  everything  ///< the same outside of repeated segments: an NPU that is alone
};

struct GraphContext {
  std::int64_t num_npus = 1;  ///< of the instance, without receivers
  std::int32_t first_npu = 0;
  bool local_offloading = false;
  /// On every rank experts wait for the dispatch of the tokens; otherwise only on the first.
  bool experts_wait_for_dispatch = false;
  /// What follows an in-memory section waits for what came before it, NPU attention runs beside the
  /// section, and the next row of the same batch waits for both.
  bool pim_keeps_the_chain = false;
  Folding folding = Folding::none;
  /// A prefill instance sends the KV of all its layers when the last one is computed, not each
  /// layer's when it is.
  bool whole_kv_transfer = false;
};

/// Converts one instance's trace to the graphs of all its NPUs (receivers included for prefill),
/// ascending by NPU. Throws UserError for a trace that cannot be cut into the stages it names or
/// whose sections are not closed. See GraphBuilder for the form that reuses its buffers.
[[nodiscard]] std::vector<NpuGraph> build_graphs(const IterationTrace& trace,
                                                 const GraphContext& context);

/// The start-up event: one compute node of `duration` per NPU.
[[nodiscard]] NpuGraph event_graph(std::int32_t npu, Nanos duration);

}  // namespace lockstep
