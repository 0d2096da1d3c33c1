#include "engine/device_wire.hpp"

#include "base/error.hpp"

namespace lockstep {

void Wire::start(DeviceEventQueue& queue, Nanos now, std::int32_t number) {
  const Message& message = messages_[static_cast<std::size_t>(number)];
  ensure(islands_.index_of(message.source) == islands_.index_of(message.receiver),
         "a message from one island to another");
  devices_.resize(messages_.size());
  devices_[static_cast<std::size_t>(number)] =
      message.source - islands_.of(message.source).first_npu;
  forward(queue, now, number);
}

// A link that becomes free causes no event: who is next in its queue has known its time of start
// since it came.
bool Wire::forward(DeviceEventQueue& queue, Nanos now, std::int32_t number) {
  const Message& message = messages_[static_cast<std::size_t>(number)];
  std::int64_t& device = devices_[static_cast<std::size_t>(number)];
  const std::int64_t target = message.receiver - islands_.of(message.receiver).first_npu;
  if (device == target) {
    return false;
  }
  LinkNetwork& links = links_[islands_.index_of(message.source)];
  const LinkNetwork::Hop hop = links.forward(now, device, target, message.size);
  device = hop.device;
  queue.push(hop.arrival, {number, DeviceEventKind::message_arrives}, message.source);
  return true;
}

}  // namespace lockstep
