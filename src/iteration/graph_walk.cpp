#include "iteration/graph_walk.hpp"

#include <algorithm>
#include <string_view>

namespace lockstep {
namespace {

GraphNode message_node(NodeKind kind, const TraceRow& named_for, std::int32_t row,
                       std::int32_t peer, std::int32_t tag, Bytes size) {
  GraphNode node;
  node.kind = kind;
  node.comm = named_for.comm;
  node.row = row;
  node.peer = peer;
  node.tag = tag;
  node.size = size;
  return node;
}

}  // namespace

GraphNode memory_node(NodeKind kind, std::int32_t row, const MemoryLocation& location, Bytes size) {
  GraphNode node;
  node.kind = kind;
  node.row = row;
  node.location = location;
  node.size = size;
  return node;
}

bool StageWalk::names(const TraceRow& row, std::string_view part) {
  return row.name.find(part) != std::string_view::npos;
}

StageWalk::StageWalk(GraphBuilder& conversion, std::size_t stage, std::int64_t position,
                     NpuGraph& graph, NpuGraph* receiver)
    : conversion_(conversion),
      assembly_(conversion.assembly_),
      stage_(conversion.stages_[stage]),
      position_(position),
      npu_(graph.npu),
      graph_(graph),
      receiver_(receiver) {}

std::int32_t& StageWalk::compute_of(std::int32_t row) {
  return conversion_.row_compute_[static_cast<std::size_t>(row)];
}

std::int32_t& StageWalk::collective_of(std::int32_t row) {
  return conversion_.row_collective_[static_cast<std::size_t>(row)];
}

std::int32_t StageWalk::create(const GraphNode& node) {
  if (receiver_ != nullptr) {
    graph_.ids.push_back(conversion_.next_id_);
  }
  ++conversion_.next_id_;
  return assembly_.add(node);
}

void StageWalk::all_parents(const std::vector<std::int32_t>& nodes) {
  for (const std::int32_t node : nodes) {
    assembly_.parent(node);
  }
}

void StageWalk::run() {
  place_kv_nodes();
  begin_stage();
  std::int32_t row = stage_.begin;
  while (row < stage_.end) {
    const TraceRow& current = row_at(row);
    if (is_expert_marker(current)) {
      row = expert_marker(row);
    } else if (is_pim_marker(current)) {
      row = pim_marker(row);
    } else {
      section_ == Section::pim ? pim_row(row) : plain_row(row);
      ++row;
    }
  }
  end_stage();
}

/// The transfers of the batch's KV blocks: the same nodes, with the same ids, on every NPU.
void StageWalk::place_kv_nodes() {
  std::int64_t id = 0;
  for (const TraceRow* row : conversion_.rows_.kv_rows()) {
    const bool load = row->kind == RowKind::kv_load;
    const std::int32_t node =
        assembly_.add(memory_node(load ? NodeKind::mem_load : NodeKind::mem_store, kKvRow,
                                  row->weight_loc, row->weight_size));
    (load ? kv_load_ : kv_evict_) = node;
    if (receiver_ != nullptr) {
      graph_.ids.push_back(id);
    }
    ++id;
  }
  graph_.num_shared = static_cast<std::int32_t>(id);
  graph_.first_id = conversion_.next_id_;
}

void StageWalk::begin_stage() {
  if (is_first_stage()) {
    const TraceRow& row = row_at(0);
    input_ = create(memory_node(NodeKind::mem_load, 0, row.input_loc, row.input_size));
    return;
  }
  const StageMessage message = message_before(conversion_.rows_, stage_.begin);
  const auto source = static_cast<std::int32_t>(npu_ - conversion_.npus_per_stage_);
  const std::int32_t tag = conversion_.stage_tags_[static_cast<std::size_t>(position_)];
  input_ = create(
      message_node(NodeKind::recv, row_at(message.row), message.row, source, tag, message.size));
}

void StageWalk::plain_row(std::int32_t row) {
  const TraceRow& current = row_at(row);
  const std::int32_t weight = weight_load(row);
  std::int32_t node = kNoNode;
  if (current.comp_time != Nanos{}) {
    node = goes_on_with(row, weight) ? lengthen(row) : compute(row, weight);
    if (receiver_ != nullptr && current.comm_size > Bytes{} && names(current, "v_proj")) {
      if (conversion_.context_.whole_kv_transfer) {
        kept_kv_.push_back(row);
      } else {
        send_kv(row, node);
      }
    }
  }
  if (current.comm != CollectiveKind::none && use_collectives()) {
    collective(row, node);
  }
}

/// Weights elsewhere than in the NPU's own memory. Nothing holds the load back, except that
/// experts' weights wait for the gate.
std::int32_t StageWalk::weight_load(std::int32_t row) {
  const TraceRow& current = row_at(row);
  const bool resident =
      current.weight_loc == MemoryLocation{} && !conversion_.context_.local_offloading;
  if (current.weight_size <= Bytes{} || resident) {
    return kNoNode;
  }
  const std::int32_t node =
      create(memory_node(NodeKind::mem_load, row, current.weight_loc, current.weight_size));
  if (section_ == Section::expert) {
    assembly_.parent(last_compute_);
  }
  return node;
}

/// Whether the row waits for nothing but the computation of the row before it, whose node is the
/// newest, and nobody minds when that ends.
bool StageWalk::goes_on_with(std::int32_t row, std::int32_t weight) {
  const Folding folding = conversion_.context_.folding;
  const bool may = folding == Folding::everything ||
                   (folding == Folding::layers && conversion_.rows_.is_folded(row));
  if (!may || first_ || weight != kNoNode || receiver_ != nullptr || row == stage_.begin ||
      !conversion_.pim_parents_.empty() || !conversion_.pim_open_.empty() ||
      !conversion_.pim_past_.empty() || conversion_.rows_.begins_part(row)) {
    return false;
  }
  const auto newest = static_cast<std::int32_t>(graph_.size()) - 1;
  return last_compute_ == newest && compute_of(row - 1) == newest && !is_marker(row_at(row - 1));
}

std::int32_t StageWalk::lengthen(std::int32_t row) {
  graph_.nodes.back().duration += row_at(row).comp_time;
  compute_of(row) = last_compute_;
  return last_compute_;
}

std::int32_t StageWalk::compute(std::int32_t row, std::int32_t weight) {
  GraphNode node;
  node.kind = NodeKind::compute;
  node.row = row;
  node.duration = row_at(row).comp_time;
  const std::int32_t index = create(node);
  compute_parents(row, weight);
  compute_of(row) = index;
  last_compute_ = index;
  return index;
}

void StageWalk::compute_parents(std::int32_t row, std::int32_t weight) {
  const TraceRow& current = row_at(row);
  if (!conversion_.pim_parents_.empty()) {
    // The first compute after a PIM section leaves the chain: it waits for the section's nodes
    // (below), or only for what the section itself waited for.
    if (overlap_) {
      all_parents(conversion_.pim_parents_);
    }
    conversion_.pim_parents_.clear();
    overlap_ = overlap_ && !names(current, "attn");
  } else if (first_) {
    assembly_.parent(input_);
    assembly_.parent(kv_evict_);
    assembly_.parent(kv_load_);
    assembly_.parent(weight);
    first_ = false;
  } else {
    assembly_.parent(weight);
    chain_parent(row);
    const bool has_it = row > stage_.begin && collective_of(row - 1) == dispatch_;
    if (section_ == Section::expert && !has_it && conversion_.context_.experts_wait_for_dispatch) {
      assembly_.parent(dispatch_);
    }
  }
  wait_for_pim(current);
}

/// The row before: its collective, else its compute, else the compute before that.
void StageWalk::chain_parent(std::int32_t row) {
  if (row > stage_.begin && collective_of(row - 1) != kNoNode) {
    assembly_.parent(collective_of(row - 1));
  } else if (row > stage_.begin && compute_of(row - 1) != kNoNode) {
    assembly_.parent(compute_of(row - 1));
  } else if (row > stage_.begin + 1 && compute_of(row - 2) != kNoNode) {
    assembly_.parent(compute_of(row - 2));
  } else {
    // Several rows without time in between: the newest node of the chain.
    assembly_.parent(std::max(last_compute_, last_collective_));
  }
}

void StageWalk::collective(std::int32_t row, std::int32_t parent) {
  const TraceRow& current = row_at(row);
  GraphNode node;
  node.kind = NodeKind::collective;
  node.row = row;
  node.comm = current.comm;
  node.comm_mask = current.comm_mask;
  node.size = current.comm_size;
  node.duration = current.comm_time;
  last_collective_ = create(node);
  assembly_.parent(parent);
  collective_of(row) = last_collective_;
}

/// Sends to the receiver beside this NPU; the caller names the parents of the send.
void StageWalk::hand_over(std::int32_t row, Bytes size, std::int32_t tag) {
  const TraceRow& named_for = row_at(row);
  create(message_node(NodeKind::send, named_for, row, receiver_->npu, tag, size));
  receiver_->ids.push_back(conversion_.next_id_++);
  conversion_.receiver_assembly_.add(message_node(NodeKind::recv, named_for, row, npu_, tag, size));
}

void StageWalk::end_stage() {
  const std::int32_t row = stage_.end - 1;
  if (is_last_stage()) {
    send_kept_kv();
  }
  if (!is_last_stage()) {
    const StageMessage message = message_after(conversion_.rows_, row);
    const auto target = static_cast<std::int32_t>(npu_ + conversion_.npus_per_stage_);
    const std::int32_t tag = new_tag();
    conversion_.stage_tags_[static_cast<std::size_t>(position_)] = tag;
    create(
        message_node(NodeKind::send, row_at(message.row), message.row, target, tag, message.size));
  } else if (receiver_ != nullptr) {
    // Tags go by (source, destination, key) and the output's key is 0, as row 0's would be.
    const std::int32_t tag = row_zero_tag_ >= 0 ? row_zero_tag_ : new_tag();
    hand_over(row, row_at(row).output_size, tag);
  } else {
    create(memory_node(NodeKind::mem_store, row, row_at(row).output_loc, row_at(row).output_size));
  }
  end_parents();
  send_kept_kv();  // the next stage need not wait for it
}

void StageWalk::end_parents() {
  const std::int32_t row = stage_.end - 1;
  all_parents(conversion_.pim_open_);
  if (conversion_.context_.pim_keeps_the_chain) {
    all_parents(conversion_.pim_past_);
  }
  const bool after_collective = row_at(row).comm != CollectiveKind::none && use_collectives();
  if (after_collective && last_collective_ != kNoNode) {
    assembly_.parent(last_collective_);
  } else if (compute_of(row) != kNoNode) {
    assembly_.parent(last_compute_);
  } else if (row > stage_.begin && compute_of(row - 1) != kNoNode) {
    assembly_.parent(compute_of(row - 1));
  } else {
    assembly_.parent(last_compute_ == kNoNode ? input_ : last_compute_);
  }
}

}  // namespace lockstep
