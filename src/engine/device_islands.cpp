#include "engine/device_islands.hpp"

#include "base/error.hpp"

namespace lockstep {

Islands::Islands(const DeviceSimulatorSpec& spec) : islands_(spec.islands) {
  if (islands_.empty()) {
    islands_.push_back({0, spec.topology});
  }
  for (std::size_t i = 0; i < islands_.size(); ++i) {
    ensure(islands_[i].first_npu == static_cast<std::int32_t>(index_.size()),
           "islands with a gap between them");
    index_.insert(index_.end(), static_cast<std::size_t>(islands_[i].topology.num_npus()),
                  static_cast<std::int32_t>(i));
  }
  ensure(static_cast<std::int64_t>(index_.size()) == spec.topology.num_npus(),
         "islands with more or fewer NPUs than the cluster");
}

Nanos Islands::travel_time(std::int32_t source, std::int32_t receiver, Bytes size) const {
  ensure(index_of(source) == index_of(receiver), "a message from one island to another");
  const DeviceIsland& island = of(source);
  return island.topology.point_to_point_time(source - island.first_npu, receiver - island.first_npu,
                                             size);
}

}  // namespace lockstep
