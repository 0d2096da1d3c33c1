#include "engine/device_meetings.hpp"

#include <algorithm>
#include <utility>

namespace lockstep {

Meetings::Meetings(const Islands& islands, Recurrence& recurrence)
    : islands_(islands), recurrence_(recurrence) {}

Meetings::Group Meetings::group_of(std::int32_t npu, const DimMask& mask) const {
  const DeviceIsland& island = islands_.of(npu);
  const Topology& topology = island.topology;
  Group group{npu, 1, topology.num_dims()};
  std::int64_t stride = 1;
  for (std::size_t d = 0; d < topology.num_dims(); ++d) {
    const std::int64_t npus = topology.dim(d).npus;
    if ((!mask.given() || mask.involves(d)) && npus > 1) {
      group.first -=
          static_cast<std::int32_t>(topology.coordinate(npu - island.first_npu, d) * stride);
      group.size *= npus;
      group.dimension = std::min(group.dimension, d);
    }
    stride *= npus;
  }
  return group;
}

bool Meetings::enter(DeviceEventQueue& queue, Nanos now, std::int32_t npu, std::int32_t subject,
                     const GraphNode& node) {
  const Group group = group_of(npu, node.comm_mask);
  if (group.size <= 1) {
    return false;
  }
  const std::uint32_t mask = node.comm_mask.given() ? node.comm_mask.bits : ~0U;
  const std::int64_t number = next_number_[{npu, mask}]++;
  const Key key{group.first, mask, number};
  Meeting& meeting = meeting_of(key);
  meeting.members.push_back({npu, subject, now});
  meeting.duration = std::max(meeting.duration, node.duration);
  if (std::ssize(meeting.members) == group.size) {
    end(queue, now, node, group.dimension, meeting);
    spare_.push_back(open_.extract(key));
  }
  return true;
}

Meetings::Meeting& Meetings::meeting_of(const Key& key) {
  const auto found = open_.find(key);
  if (found != open_.end() || spare_.empty()) {
    return found != open_.end() ? found->second : open_[key];
  }
  auto node = std::move(spare_.back());
  spare_.pop_back();
  node.key() = key;
  node.mapped().members.clear();
  node.mapped().duration = Nanos{0};
  return open_.insert(std::move(node)).position->second;
}

void Meetings::end(DeviceEventQueue& queue, Nanos now, const GraphNode& node, std::size_t dimension,
                   const Meeting& meeting) {
  const Nanos end = now + meeting.duration;
  for (const Member& member : meeting.members) {
    recurrence_.couple(member.npu, meeting.members.front().npu);
    queue.push_own(member.npu, end, {member.subject, DeviceEventKind::node_done});
    if (listener_ != nullptr) {
      listener_->on_phase(
          {member.npu, node.comm, dimension, false, node.size, member.entered, end});
    }
  }
}

std::int64_t Meetings::missing(std::int32_t npu) const {
  for (const auto& [key, meeting] : open_) {
    const bool there = std::ranges::any_of(
        meeting.members, [npu](const Member& member) { return member.npu == npu; });
    if (there) {
      const std::uint32_t bits = std::get<1>(key);
      DimMask mask;
      mask.bits = bits;
      mask.count =
          bits == ~0U ? 0 : static_cast<std::uint8_t>(islands_.of(npu).topology.num_dims());
      return group_of(npu, mask).size - std::ssize(meeting.members);
    }
  }
  return 0;
}

}  // namespace lockstep
