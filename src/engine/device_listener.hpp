// What the NPUs and the network tell while a run goes: each piece of work when it has ended. Nobody
// listens in most runs, and then nothing of this is recorded.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/units.hpp"
#include "iteration/graph.hpp"
#include "network/collective.hpp"

namespace lockstep {

/// A node of the graph that an NPU ran.
struct DeviceWork {
  std::int32_t npu = 0;
  std::int64_t iteration = 0;       ///< of the NPU; 0 is the opening event, batch b is b + 1
  const GraphNode* node = nullptr;  ///< valid during the call
  Nanos begin, end;
};

/// An NPU's part in one phase of a collective, over one dimension of its island.
struct NetworkPhase {
  std::int32_t npu = 0;
  CollectiveKind collective = CollectiveKind::none;  ///< that the phase belongs to
  std::size_t dimension = 0;                         ///< innermost is 0
  bool flat = false;                                 ///< over all dimensions at once
  Bytes sent;                                        ///< by this NPU
  Nanos begin, end;                                  ///< waits for its peers included
};

class DeviceListener {
public:
  virtual ~DeviceListener() = default;
  virtual void on_work(const DeviceWork& /*work*/) {}
  virtual void on_phase(const NetworkPhase& /*phase*/) {}
};

}  // namespace lockstep
