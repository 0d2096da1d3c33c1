#include "iteration/graph_builder.hpp"

#include <algorithm>

#include "iteration/graph_loops.hpp"
#include "iteration/graph_walk.hpp"

namespace lockstep {
namespace {

/// The graph in the slot, or a new one when someone else still reads it.
NpuGraph& writable(std::shared_ptr<NpuGraph>& slot) {
  if (slot == nullptr || slot.use_count() > 1) {
    slot = std::make_shared<NpuGraph>();
  }
  return *slot;
}

}  // namespace

void GraphBuilder::build(const IterationTrace& trace, const GraphContext& context,
                         std::vector<std::shared_ptr<NpuGraph>>& out) {
  context_ = context;
  type_ = trace.type;
  const bool fold = context.folding != Folding::none && !cannot_fold_ && trace.pp_size == 1 &&
                    trace.type != ExecutionType::prefill;
  rows_.assign(trace, fold);
  if (type_ == ExecutionType::event) {
    next_id_ = 0;
    build_event(out);
    return;
  }
  cut_into_stages(trace, rows_, context, stages_);
  npus_per_stage_ = context.num_npus / trace.pp_size;
  build_stages(out);
  if (!close_loops(out)) {
    cannot_fold_ = true;
    build(trace, context, out);  // every copy written out
  }
}

void GraphBuilder::find_computations(std::string_view name,
                                     const std::vector<std::shared_ptr<NpuGraph>>& graphs,
                                     std::vector<Place>& out) const {
  out.clear();
  for (std::size_t g = 0; g < graphs.size(); ++g) {
    const std::vector<GraphNode>& nodes = graphs[g]->nodes;
    std::int32_t row = 0;
    const auto end_rows = [&](std::int32_t end, std::int32_t computation) {
      for (; row < end; ++row) {
        if (computation != kNoNode && rows_[row].name == name) {
          out.push_back({static_cast<std::int32_t>(g), computation});
        }
      }
    };
    std::int32_t newest = kNoNode;  // rows that go on with it follow its own
    for (std::size_t node = 0; node < nodes.size(); ++node) {
      if (nodes[node].kind == NodeKind::compute) {
        end_rows(nodes[node].row, newest);
        newest = static_cast<std::int32_t>(node);
      }
    }
    end_rows(rows_.size(), newest);
  }
}

bool GraphBuilder::close_loops(std::vector<std::shared_ptr<NpuGraph>>& out) const {
  return rows_.folded().empty() || std::all_of(out.begin(), out.end(), [&](const auto& graph) {
           return lockstep::close_loops(rows_.folded(), *graph);
         });
}

void GraphBuilder::build_stages(std::vector<std::shared_ptr<NpuGraph>>& out) {
  next_tag_ = 0;
  next_id_ = static_cast<std::int64_t>(rows_.kv_rows().size());
  stage_tags_.assign(static_cast<std::size_t>(npus_per_stage_), -1);
  const std::size_t senders = stages_.size() * static_cast<std::size_t>(npus_per_stage_);
  out.resize(type_ == ExecutionType::prefill ? 2 * senders : senders);
  for (std::size_t stage = 0; stage < stages_.size(); ++stage) {
    build_stage(stage, out);
  }
}

void GraphBuilder::build_stage(std::size_t stage, std::vector<std::shared_ptr<NpuGraph>>& out) {
  const auto num_rows = static_cast<std::size_t>(rows_.size());
  const auto stage_rows = static_cast<std::size_t>(stages_[stage].end - stages_[stage].begin);
  for (std::int64_t position = 0; position < npus_per_stage_; ++position) {
    const auto place = static_cast<std::int64_t>(stage) * npus_per_stage_ + position;
    const auto npu = static_cast<std::int32_t>(context_.first_npu + place);
    row_compute_.assign(num_rows, kNoNode);
    row_collective_.assign(num_rows, kNoNode);
    pim_parents_.clear();
    pim_open_.clear();
    pim_past_.clear();
    NpuGraph& graph = writable(out[static_cast<std::size_t>(place)]);
    assembly_.begin(graph, npu, stage_rows + stage_rows / 2 + 4);
    NpuGraph* receiver = nullptr;
    if (type_ == ExecutionType::prefill) {
      receiver = &writable(out[static_cast<std::size_t>(place) + out.size() / 2]);
      receiver_assembly_.begin(*receiver, static_cast<std::int32_t>(npu + context_.num_npus), 0);
    }
    StageWalk(*this, stage, position, graph, receiver).run();
    assembly_.finish();
    if (receiver != nullptr) {
      receiver_assembly_.finish();
    }
  }
}

/// Every NPU waits out the same durations, with nothing before or after.
void GraphBuilder::build_event(std::vector<std::shared_ptr<NpuGraph>>& out) {
  out.resize(static_cast<std::size_t>(context_.num_npus));
  for (std::size_t npu = 0; npu < out.size(); ++npu) {
    NpuGraph& graph = writable(out[npu]);
    assembly_.begin(graph, static_cast<std::int32_t>(npu), static_cast<std::size_t>(rows_.size()));
    graph.first_id = next_id_;
    for (std::int32_t row = 0; row < rows_.size(); ++row) {
      GraphNode node;
      node.row = row;
      node.duration = rows_[row].comp_time;
      assembly_.add(node);
      ++next_id_;
    }
    assembly_.finish();
  }
}

}  // namespace lockstep
