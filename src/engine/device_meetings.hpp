// Collectives whose duration is given: every member waits until all have come, then all end
// together after the longest of the given times. An NPU's k-th such collective over a group of
// dimensions meets the k-th of its peers.
#pragma once

#include <cstdint>
#include <map>
#include <tuple>
#include <vector>

#include "engine/device_event.hpp"
#include "engine/device_islands.hpp"
#include "engine/device_listener.hpp"
#include "engine/recurrence.hpp"
#include "iteration/graph.hpp"

namespace lockstep {

class Meetings {
public:
  /// Both must outlive it.
  Meetings(const Islands& islands, Recurrence& recurrence);

  void listen(DeviceListener* listener) { listener_ = listener; }

  /// Node `subject` of `npu`, a collective with a duration, begins. When it was the last to come,
  /// the ends of all are queued. False: it has no other member and takes no time.
  bool enter(DeviceEventQueue& queue, Nanos now, std::int32_t npu, std::int32_t subject,
             const GraphNode& node);
  /// Members that are missing where `npu` waits; 0: it waits in none.
  [[nodiscard]] std::int64_t missing(std::int32_t npu) const;

private:
  struct Member {
    std::int32_t npu = 0;
    std::int32_t subject = 0;
    Nanos entered;
  };
  struct Meeting {
    std::vector<Member> members;
    Nanos duration;
  };
  struct Group {
    std::int32_t first = 0;  ///< its NPU with the smallest number
    std::int64_t size = 1;
    std::size_t dimension = 0;  ///< the innermost that it spans
  };
  /// First NPU of the group, mask, number.
  using Key = std::tuple<std::int32_t, std::uint32_t, std::int64_t>;

  [[nodiscard]] Group group_of(std::int32_t npu, const DimMask& mask) const;
  /// The one of this key, or a new one.
  [[nodiscard]] Meeting& meeting_of(const Key& key);
  void end(DeviceEventQueue& queue, Nanos now, const GraphNode& node, std::size_t dimension,
           const Meeting& meeting);

  const Islands& islands_;
  Recurrence& recurrence_;
  DeviceListener* listener_ = nullptr;
  std::map<Key, Meeting> open_;
  std::vector<std::map<Key, Meeting>::node_type> spare_;  ///< of meetings that are over
  std::map<std::pair<std::int32_t, std::uint32_t>, std::int64_t> next_number_;  ///< by NPU and mask
};

}  // namespace lockstep
