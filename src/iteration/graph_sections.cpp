// Rows between markers: a rank's experts, and what runs in the memory device.
#include <algorithm>

#include "iteration/graph_walk.hpp"

namespace lockstep {

std::int32_t StageWalk::next_slot(std::int32_t row) const {
  const bool expert = is_expert_marker(row_at(row));
  do {
    ++row;
  } while (expert ? !is_expert_marker(row_at(row)) : !is_pim_marker(row_at(row)));
  return row;
}

std::int32_t StageWalk::expert_marker(std::int32_t row) {
  const TraceRow& marker = row_at(row);
  const bool dispatches = section_ == Section::none;
  const bool ends = marker.kind == RowKind::expert_end;
  compute_of(row) = last_compute_;
  if ((dispatches || ends) && marker.comm_size > Bytes{} && marker.comm != CollectiveKind::none) {
    collective(row, last_compute_ == kNoNode ? input_ : last_compute_);
    dispatch_ = last_collective_;
  }
  if (ends) {
    dispatch_ = kNoNode;
  }
  section_ = ends ? Section::none : Section::expert;
  if (ends || marker.index % conversion_.npus_per_stage_ == position_) {
    return row + 1;
  }
  return next_slot(row);
}

std::int32_t StageWalk::pim_marker(std::int32_t row) {
  const TraceRow& marker = row_at(row);
  if (marker.kind == RowKind::pim_end) {
    section_ = Section::none;
    if (conversion_.context_.pim_keeps_the_chain) {
      conversion_.pim_parents_.clear();
      return row + 1;
    }
    overlap_ = overlap_ || (row + 1 < stage_.end && names(row_at(row + 1), "attn"));
    return row + 1;
  }
  section_ = Section::pim;
  std::vector<std::int32_t>& parents = conversion_.pim_parents_;
  const auto add = [&parents](std::int32_t node) {
    if (node != kNoNode) {
      parents.push_back(node);
    }
  };
  if (marker.index == 0 && first_) {
    add(input_);
    add(kv_evict_);
    add(kv_load_);
    first_ = conversion_.context_.pim_keeps_the_chain;
  } else if (marker.index == 0 && conversion_.context_.pim_keeps_the_chain) {
    add(std::max(last_compute_, last_collective_));
  } else if (marker.index == 0 && row > stage_.begin) {
    const bool waits = collective_of(row - 1) != kNoNode;
    add(waits ? collective_of(row - 1) : compute_of(row - 1));
  }
  if (marker.index % conversion_.npus_per_stage_ == position_) {
    return row + 1;
  }
  return next_slot(row);
}

void StageWalk::pim_row(std::int32_t row) {
  const TraceRow& current = row_at(row);
  weight_load(row);
  GraphNode node =
      memory_node(NodeKind::pim, row, current.input_loc, current.input_size + current.output_size);
  node.duration = current.comp_time;
  const std::int32_t index = create(node);
  all_parents(conversion_.pim_parents_);
  const bool by_batch = conversion_.context_.pim_keeps_the_chain;
  (by_batch ? pim_results(current.tag) : conversion_.pim_open_).push_back(index);
  if (current.comm != CollectiveKind::none && use_collectives()) {
    collective(row, kNoNode);
  }
}

void StageWalk::wait_for_pim(const TraceRow& row) {
  if (conversion_.pim_open_.empty() && conversion_.pim_past_.empty()) {
    return;
  }
  if (conversion_.context_.pim_keeps_the_chain) {
    if (!names(row, "attention")) {
      all_parents(pim_results(row.tag));
      pim_results(row.tag).clear();
    }
    return;
  }
  std::vector<std::int32_t>& open = conversion_.pim_open_;
  if (overlap_ || open.empty()) {
    return;
  }
  if (row.tag == BatchTag::none) {
    all_parents(open);
    open.clear();
  } else if (row.tag != pim_batch_) {
    // The other sub-batch takes over: it waits for its own section, the one before this.
    all_parents(conversion_.pim_past_);
    conversion_.pim_past_.swap(open);
    open.clear();
    pim_batch_ = row.tag;
  }
}

/// Nodes in memory that the rows of this batch have not waited for yet; chain kept only.
std::vector<std::int32_t>& StageWalk::pim_results(BatchTag tag) {
  return tag == BatchTag::batch_2 ? conversion_.pim_past_ : conversion_.pim_open_;
}

}  // namespace lockstep
