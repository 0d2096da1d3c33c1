#include "engine/device_npu.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"

namespace lockstep {

DeviceParts::DeviceParts(const DeviceSimulatorSpec& spec)
    : islands(spec),
      queue(static_cast<std::size_t>(spec.topology.num_npus())),
      wire(islands, spec.congestion_aware),
      mailbox(static_cast<std::size_t>(spec.topology.num_npus())),
      memory(spec.memory, spec.integer_memory_figures, spec.pim_queues_stride_by_devices),
      collectives(islands, spec),
      recurrence(spec),
      meetings(islands, recurrence) {
  if (spec.rings_in_closed_form && !spec.congestion_aware) {
    collectives.close_rings(recurrence);
  }
}

void Npu::start(Program program, DeviceParts& parts) {
  ensure(finished(), "a program was started on a busy NPU");
  run(std::move(program), parts);
}

void Npu::enqueue(Program program, DeviceParts& parts) {
  if (finished()) {
    run(std::move(program), parts);
  } else {
    queued_.push_back(std::move(program));
  }
}

void Npu::run(Program program, DeviceParts& parts) {
  load(std::move(program));
  issue_ready(parts);
  // A program may end without taking time.
  while (remaining_ == 0) {
    program_.reset();
    if (queued_.empty()) {
      parts.note_finished(id_);
      return;
    }
    load(std::move(queued_.front()));
    queued_.pop_front();
    issue_ready(parts);
  }
}

void Npu::load(Program program) {
  program_ = std::move(program);
  ++iteration_;
  missing_parents_ = program_->num_parents;
  remaining_ = static_cast<std::int32_t>(program_->nodes.size());
  loop_ = 0;
  copies_left_ = 0;
  ready_.clear();
  for (std::int32_t v = 0; v < remaining_; ++v) {
    if (missing_parents_[static_cast<std::size_t>(v)] == 0) {
      ready_.push_back(v);
    }
  }
}

void Npu::tell(std::int32_t v, DeviceParts& parts) const {
  const auto index = static_cast<std::size_t>(v);
  if (index < begun_.size()) {
    parts.listener->on_work({id_, iteration_, &node(v), begun_[index], parts.now});
  }
}

void Npu::complete(std::int32_t v, DeviceParts& parts) {
  if (parts.listener != nullptr) {
    tell(v, parts);
  }
  switch (node(v).kind) {
    case NodeKind::compute:
      computing_ = false;
      break;
    case NodeKind::collective:
    case NodeKind::send:
      communicating_ = kNoNode;
      break;
    default:
      break;
  }
  pass_on(v, parts);
  issue_ready(parts);
  if (--remaining_ > 0) {
    return;
  }
  program_.reset();
  if (queued_.empty()) {
    parts.note_finished(id_);
    return;
  }
  Program next = std::move(queued_.front());
  queued_.pop_front();
  run(std::move(next), parts);
}

void Npu::issue_ready(DeviceParts& parts) {
  std::size_t kept = 0;
  next_ready_ = 0;
  while (next_ready_ < ready_.size()) {
    const std::int32_t v = ready_[next_ready_++];
    if (!slot_free(node(v).kind)) {
      ready_[kept++] = v;
    } else if (!issue(v, parts)) {
      --remaining_;
      pass_on(v, parts);
    }
  }
  ready_.resize(kept);
  next_ready_ = 0;
  // A node that took no time may have freed one with a lower number than what was put aside.
  if (!std::is_sorted(ready_.begin(), ready_.end())) {
    std::sort(ready_.begin(), ready_.end());
  }
}

bool Npu::slot_free(NodeKind kind) const {
  switch (kind) {
    case NodeKind::compute:
      return !computing_;
    case NodeKind::collective:
    case NodeKind::send:
      return communicating_ == kNoNode;
    default:
      return true;
  }
}

bool Npu::issue(std::int32_t v, DeviceParts& parts) {
  const GraphNode& node = this->node(v);
  ensure(node.duration >= Nanos{0} && node.size >= Bytes{0},
         "a graph node with a negative duration or size");
  if (parts.listener != nullptr) {
    begun_.resize(program_->nodes.size());
    begun_[static_cast<std::size_t>(v)] = parts.now;
  }
  switch (node.kind) {
    case NodeKind::compute:
      if (node.duration == Nanos{0}) {
        return false;
      }
      computing_ = true;
      computed_ += node.duration;
      parts.queue.push_own(id_, parts.now + node.duration, {v, DeviceEventKind::node_done});
      return true;
    case NodeKind::collective:
      if (!(node.duration > Nanos{0}
                ? parts.meetings.enter(parts.queue, parts.now, id_, v, node)
                : parts.collectives.enter(parts.queue, parts.now, id_, node))) {
        return false;
      }
      communicating_ = v;
      return true;
    case NodeKind::send:
      send(v, parts);
      return true;
    case NodeKind::recv:
      if (parts.mailbox.post(id_, {{node.tag, node.peer, node.size}, v})) {
        parts.queue.push_own(id_, parts.now, {v, DeviceEventKind::message_found});
      }
      return true;
    case NodeKind::mem_load:
    case NodeKind::mem_store:
    case NodeKind::pim:
      parts.memory.request(parts.queue, parts.now, id_, v, node);
      return true;
  }
  throw InternalError("a graph node of unknown kind");
}

void Npu::send(std::int32_t v, DeviceParts& parts) {
  const GraphNode& node = this->node(v);
  ensure(parts.islands.has(node.peer), "a send to no NPU");
  communicating_ = v;
  const Nanos travel = parts.islands.travel_time(id_, node.peer, node.size);
  parts.wire.send(parts.queue, parts.now, travel, {id_, node.peer, node.tag, node.size, v});
}

/// Node v has ended: what waited for it may begin, or the loop it closes begins anew.
void Npu::pass_on(std::int32_t v, DeviceParts& parts) {
  if (loop_ == program_->loops.size() || !turn_back(v, parts)) {
    free_children(v);
  }
}

bool Npu::turn_back(std::int32_t v, DeviceParts& parts) {
  const GraphLoop& loop = program_->loops[loop_];
  if (v == loop.first - 1) {
    copies_left_ = loop.copies;
    parts.recurrence.at_boundary(id_, parts.now, 0);
    return false;
  }
  if (v != loop.end - 1) {
    return false;
  }
  --copies_left_;
  parts.recurrence.at_boundary(id_, parts.now, loop.copies - copies_left_);
  if (copies_left_ == 0) {
    ++loop_;
    return false;
  }
  const auto first = static_cast<std::ptrdiff_t>(loop.first);
  const auto end = static_cast<std::ptrdiff_t>(loop.end);
  const auto& parents = program_->num_parents;
  std::copy(parents.begin() + first, parents.begin() + end, missing_parents_.begin() + first);
  missing_parents_[static_cast<std::size_t>(first)] = 0;
  remaining_ += loop.end - loop.first;
  add_ready(loop.first);
  return true;
}

void Npu::skip(std::int64_t copies) {
  const GraphLoop& loop = program_->loops[loop_];
  ensure(copies < copies_left_, "a loop was skipped to its end");
  Nanos computed;
  for (std::int32_t v = loop.first; v < loop.end; ++v) {
    computed += node(v).kind == NodeKind::compute ? node(v).duration : Nanos{0};
  }
  computed_ += computed * copies;
  copies_left_ -= copies;
}

void Npu::free_children(std::int32_t v) {
  const auto index = static_cast<std::size_t>(v);
  const auto end = static_cast<std::size_t>(program_->child_begin[index + 1]);
  for (auto i = static_cast<std::size_t>(program_->child_begin[index]); i < end; ++i) {
    const std::int32_t child = program_->children[i];
    if (--missing_parents_[static_cast<std::size_t>(child)] == 0) {
      add_ready(child);
    }
  }
}

void Npu::add_ready(std::int32_t v) {
  std::size_t at = ready_.size();
  while (at > next_ready_ && ready_[at - 1] > v) {
    --at;
  }
  ready_.insert(ready_.begin() + static_cast<std::ptrdiff_t>(at), v);
}

}  // namespace lockstep
