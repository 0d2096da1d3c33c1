#include "iteration/graph.hpp"

#include <memory>
#include <utility>

#include "iteration/graph_builder.hpp"

namespace lockstep {
namespace {

std::span<const std::int32_t> slice(const std::vector<std::int32_t>& values,
                                    const std::vector<std::int32_t>& begin, std::size_t index) {
  const auto from = static_cast<std::size_t>(begin[index]);
  const auto to = static_cast<std::size_t>(begin[index + 1]);
  return std::span(values).subspan(from, to - from);
}

}  // namespace

std::int64_t NpuGraph::id(std::size_t node) const {
  if (!ids.empty()) {
    return ids[node];
  }
  const auto index = static_cast<std::int64_t>(node);
  return index < num_shared ? index : first_id + index - num_shared;
}

std::span<const std::int32_t> NpuGraph::children_of(std::size_t node) const {
  return slice(children, child_begin, node);
}

std::span<const std::int32_t> NpuGraph::parents_of(std::size_t node) const {
  return slice(parents, parent_begin, node);
}

std::vector<NpuGraph> build_graphs(const IterationTrace& trace, const GraphContext& context) {
  std::vector<std::shared_ptr<NpuGraph>> built;
  GraphBuilder().build(trace, context, built);
  std::vector<NpuGraph> graphs;
  graphs.reserve(built.size());
  for (const std::shared_ptr<NpuGraph>& graph : built) {
    graphs.push_back(std::move(*graph));
  }
  return graphs;
}

NpuGraph event_graph(std::int32_t npu, Nanos duration) {
  IterationTrace trace;
  trace.type = ExecutionType::event;
  trace.segments.emplace_back();
  trace.segments.back().rows.emplace_back().comp_time = duration;
  std::vector<NpuGraph> graphs = build_graphs(trace, {});
  graphs.front().npu = npu;
  return std::move(graphs.front());
}

}  // namespace lockstep
