#include <fmt/format.h>

#include "iteration/chakra.hpp"
#include "iteration/graph_rows.hpp"

namespace lockstep {
namespace {

class Namer {
public:
  Namer(const NpuGraph& graph, const IterationTrace& trace) : graph_(graph) { rows_.assign(trace); }

  [[nodiscard]] std::string name(std::size_t index) const {
    const GraphNode& node = graph_.nodes[index];
    const bool shared = index < static_cast<std::size_t>(graph_.num_shared);
    const std::string row = shared ? kv_row(index) : row_name(node);
    switch (node.kind) {
      case NodeKind::mem_load: {
        const bool input = index == static_cast<std::size_t>(graph_.num_shared);
        return fmt::format("MEM_LOAD_NODE_{}_{}", row, input ? "INPUT" : "WEIGHT");
      }
      case NodeKind::mem_store:
        return fmt::format("MEM_STORE_NODE_{}_{}", row, shared ? "WEIGHT" : "OUTPUT");
      case NodeKind::pim:
        return fmt::format("PIM_COMP_NODE_{}_PIM", row);
      case NodeKind::compute:
        return fmt::format("COMP_NODE_{}", row);
      case NodeKind::send:
      case NodeKind::recv:
        return message_name(index, row);
      case NodeKind::collective:
        return fmt::format("COMM_COLL_NODE_{}_{}", row, collective_name(node.comm));
    }
    return row;
  }

private:
  [[nodiscard]] std::string kv_row(std::size_t index) const {
    return fmt::format("{}_{}", rows_.kv_rows()[index]->name, index);
  }

  /// Numbered as in the trace's text, where the kv rows count.
  [[nodiscard]] std::string row_name(const GraphNode& node) const {
    const TraceRow& row = rows_[node.row];
    if (is_expert_marker(row)) {
      return row.kind == RowKind::expert ? "expert_start" : "expert_end";
    }
    return fmt::format("{}_{}", row.name,
                       static_cast<std::size_t>(node.row) + rows_.kv_rows().size());
  }

  [[nodiscard]] std::string message_name(std::size_t index, const std::string& row) const {
    const GraphNode& node = graph_.nodes[index];
    const bool sends = node.kind == NodeKind::send;
    const bool last = index + 1 == graph_.size();
    const TraceRow& made_from = rows_[node.row];
    const bool kv = !last && made_from.comm_size > Bytes{} && node.size == made_from.comm_size &&
                    made_from.name.find("v_proj") != std::string_view::npos;
    return fmt::format("COMM_{}_NODE_{}_{}_{}_{}", sends ? "SEND" : "RECV", kv ? "kv_proj" : row,
                       collective_name(node.comm), sends ? graph_.npu : node.peer,
                       sends ? node.peer : graph_.npu);
  }

  const NpuGraph& graph_;
  TraceRows rows_;
};

}  // namespace

std::vector<std::string> chakra_names(const NpuGraph& graph, const IterationTrace& trace) {
  const Namer namer(graph, trace);
  std::vector<std::string> names;
  names.reserve(graph.size());
  for (std::size_t node = 0; node < graph.size(); ++node) {
    names.push_back(namer.name(node));
  }
  return names;
}

}  // namespace lockstep
