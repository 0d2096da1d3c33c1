#include "iteration/graph_assembly.hpp"

#include <utility>

namespace lockstep {
namespace {

std::size_t at(std::int32_t node) {
  return static_cast<std::size_t>(node);
}

/// Children lists from the parent lists: node by node, so every list is in creation order.
void derive_children(NpuGraph& graph) {
  const std::size_t count = graph.nodes.size();
  graph.child_begin.assign(count + 1, 0);
  graph.children.resize(graph.parents.size());
  for (const std::int32_t parent : graph.parents) {
    ++graph.child_begin[at(parent) + 1];
  }
  for (std::size_t node = 0; node < count; ++node) {
    graph.child_begin[node + 1] += graph.child_begin[node];
  }
  // Filling moves every begin to its end; the shift back restores the offsets.
  for (std::size_t node = 0; node < count; ++node) {
    for (const std::int32_t parent : graph.parents_of(node)) {
      graph.children[at(graph.child_begin[at(parent)]++)] = static_cast<std::int32_t>(node);
    }
  }
  for (std::size_t node = count; node > 0; --node) {
    graph.child_begin[node] = graph.child_begin[node - 1];
  }
  graph.child_begin[0] = 0;
}

}  // namespace

void GraphAssembly::begin(NpuGraph& graph, std::int32_t npu, std::size_t expected_nodes) {
  graph_ = &graph;
  graph.npu = npu;
  graph.first_id = 0;
  graph.num_shared = 0;
  graph.ids.clear();
  graph.nodes.clear();
  graph.num_parents.clear();
  graph.parents.clear();
  graph.loops.clear();
  graph.parent_begin.assign(1, 0);
  graph.nodes.reserve(expected_nodes);
  graph.num_parents.reserve(expected_nodes);
  graph.parents.reserve(expected_nodes);
  graph.parent_begin.reserve(expected_nodes + 1);
  last_child_.assign(expected_nodes, kNoNode);
}

std::int32_t GraphAssembly::add(const GraphNode& node) {
  const auto index = static_cast<std::int32_t>(graph_->nodes.size());
  graph_->nodes.push_back(node);
  graph_->num_parents.push_back(0);
  graph_->parent_begin.push_back(graph_->parent_begin.back());
  if (graph_->nodes.size() > last_child_.size()) {
    last_child_.push_back(kNoNode);
  }
  return index;
}

void GraphAssembly::parent(std::int32_t parent) {
  const auto newest = static_cast<std::int32_t>(graph_->nodes.size()) - 1;
  if (parent == kNoNode || std::exchange(last_child_[at(parent)], newest) == newest) {
    return;
  }
  graph_->parents.push_back(parent);
  ++graph_->num_parents.back();
  ++graph_->parent_begin.back();
}

void GraphAssembly::finish() {
  derive_children(*graph_);
}

}  // namespace lockstep
