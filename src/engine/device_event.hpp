// What may happen in the device simulator.
#pragma once

#include <cstdint>

#include "engine/event_queue.hpp"

namespace lockstep {

enum class DeviceEventKind : std::uint8_t {
  node_done,        ///< own: node `subject` has ended
  memory_done,      ///< own: the memory request of node `subject` has ended
  message_arrives,  ///< of all: message `subject` reaches its receiver
  message_found,    ///< own: a message that was there already meets receive `subject`
  exchange_waited,  ///< own: the endpoint delay of a collective's received message has passed
  exchange_acts     ///< own: a collective's message is processed, or its phase begins
};

struct DeviceEvent {
  std::int32_t subject = 0;
  DeviceEventKind kind = DeviceEventKind::node_done;
};

using DeviceEventQueue = EventQueue<DeviceEvent>;

}  // namespace lockstep
