// The memory devices behind the NPUs: who waits for whom and how long an access takes.
//
// A level is either private to each NPU (every access takes its own time, any number at once) or
// shared per device (one first-come first-served server a device). In-memory compute has channel
// queues of its own beside the ordinary ones.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/device_event.hpp"
#include "engine/device_simulator.hpp"

namespace lockstep {

class MemoryDevices {
public:
  /// Throws UserError for a level without bandwidth, devices or that is given twice.
  MemoryDevices(const std::vector<MemoryLevelSpec>& levels, bool integer_figures,
                bool stride_by_devices);

  /// Starts or queues the access of a mem_load, mem_store or pim node; memory_done follows.
  /// Throws UserError for a level, device or channel that the cluster lacks.
  void request(DeviceEventQueue& queue, Nanos now, std::int32_t npu, std::int32_t node_index,
               const GraphNode& node);
  /// The access of this node has ended: its server takes the next.
  void release(DeviceEventQueue& queue, Nanos now, const GraphNode& node);

  /// latency + size / bandwidth, truncated.
  [[nodiscard]] Nanos access_time(MemoryTier tier, Bytes size) const;

private:
  struct Waiting {
    std::int32_t npu;
    std::int32_t node;
    Nanos service;
  };
  /// One at a time, in order of asking.
  struct Server {
    std::vector<Waiting> line;  ///< the front is being served
    std::size_t front = 0;
  };
  struct Level {
    bool present = false;
    MemoryLevelSpec spec;
    std::vector<Server> devices;
    std::vector<Server> channels;
  };

  [[nodiscard]] const Level& level(MemoryTier tier) const;
  [[nodiscard]] Level& level(MemoryTier tier);
  [[nodiscard]] Server* server_of(const GraphNode& node);
  [[nodiscard]] std::size_t channel_index(const Level& level, const GraphNode& node) const;
  static void serve_front(DeviceEventQueue& queue, Nanos now, const Server& server);

  std::vector<Level> levels_;  ///< by tier
  bool integer_figures_;
  bool stride_by_devices_;
};

}  // namespace lockstep
