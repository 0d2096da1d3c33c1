// The separate grids of the NPUs. NPU r of an island has the coordinates of r - first_npu in the
// island's topology; NPUs of different islands exchange nothing.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/device_simulator.hpp"

namespace lockstep {

class Islands {
public:
  /// One island of all NPUs where the spec names none.
  explicit Islands(const DeviceSimulatorSpec& spec);

  [[nodiscard]] bool has(std::int32_t npu) const {
    return npu >= 0 && static_cast<std::size_t>(npu) < index_.size();
  }
  [[nodiscard]] std::int64_t num_npus() const { return static_cast<std::int64_t>(index_.size()); }
  [[nodiscard]] std::size_t index_of(std::int32_t npu) const {
    return static_cast<std::size_t>(index_[static_cast<std::size_t>(npu)]);
  }
  [[nodiscard]] const DeviceIsland& of(std::int32_t npu) const { return islands_[index_of(npu)]; }
  [[nodiscard]] const std::vector<DeviceIsland>& all() const { return islands_; }

  /// Without contention. Both must be in one island.
  [[nodiscard]] Nanos travel_time(std::int32_t source, std::int32_t receiver, Bytes size) const;

private:
  std::vector<DeviceIsland> islands_;
  std::vector<std::int32_t> index_;  ///< by NPU
};

}  // namespace lockstep
