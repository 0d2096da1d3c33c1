// Messages under way. Each is one event at its arrival; there is no contention.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/device_event.hpp"

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

  /// message_arrives follows at `arrival`, with the number to give to take().
  void send(DeviceEventQueue& queue, Nanos arrival, const Message& message) {
    if (free_.empty()) {
      free_.push_back(static_cast<std::int32_t>(messages_.size()));
      messages_.emplace_back();
    }
    const std::int32_t number = free_.back();
    free_.pop_back();
    messages_[static_cast<std::size_t>(number)] = message;
    queue.push(arrival, {number, DeviceEventKind::message_arrives});
  }

  [[nodiscard]] Message take(std::int32_t number) {
    free_.push_back(number);
    return messages_[static_cast<std::size_t>(number)];
  }

private:
  std::vector<Message> messages_;
  std::vector<std::int32_t> free_;
};

}  // namespace lockstep
