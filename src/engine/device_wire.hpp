// Messages under way. Without contention each is one event at its arrival; where messages queue
// for links there is one event for every link on the way.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/device_event.hpp"
#include "engine/device_islands.hpp"
#include "network/link_network.hpp"

namespace lockstep {

class Wire {
public:
  struct Message {
    std::int32_t source = 0;
    std::int32_t receiver = 0;
    std::int64_t tag = 0;
    Bytes size;
    std::int32_t send_node = -1;  ///< node that ends with the arrival; -1: part of a collective
  };

  /// Throws UserError when links are to be queued for and an island has several dimensions.
  Wire(const Islands& islands, bool congestion_aware) : islands_(islands) {
    for (std::size_t i = 0; congestion_aware && i < islands.all().size(); ++i) {
      links_.emplace_back(islands.all()[i].topology);
    }
  }

  /// message_arrives follows, with the number to give to passes_on() and take(). `travel` is the
  /// time without contention.
  void send(DeviceEventQueue& queue, Nanos now, Nanos travel, const Message& message) {
    if (free_.empty()) {
      free_.push_back(static_cast<std::int32_t>(messages_.size()));
      messages_.emplace_back();
    }
    const std::int32_t number = free_.back();
    free_.pop_back();
    messages_[static_cast<std::size_t>(number)] = message;
    if (links_.empty()) {
      queue.push(now + travel, {number, DeviceEventKind::message_arrives}, message.source);
    } else {
      start(queue, now, number);
    }
  }

  /// True when the message has reached a device on its way only; message_arrives follows again.
  bool passes_on(DeviceEventQueue& queue, Nanos now, std::int32_t number) {
    return !links_.empty() && forward(queue, now, number);
  }

  [[nodiscard]] const Message& message(std::int32_t number) const {
    return messages_[static_cast<std::size_t>(number)];
  }
  [[nodiscard]] Message take(std::int32_t number) {
    free_.push_back(number);
    return messages_[static_cast<std::size_t>(number)];
  }

private:
  void start(DeviceEventQueue& queue, Nanos now, std::int32_t number);
  bool forward(DeviceEventQueue& queue, Nanos now, std::int32_t number);

  const Islands& islands_;
  std::vector<Message> messages_;
  std::vector<std::int32_t> free_;
  std::vector<LinkNetwork> links_;     ///< by island; empty without contention
  std::vector<std::int64_t> devices_;  ///< by message: where it is in its island's links
};

}  // namespace lockstep
