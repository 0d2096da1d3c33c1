// Meets messages with the receives that wait for them.
//
// A message meets a receive of the same tag, sender and size, oldest first on both sides; messages
// of one sender, tag and size arrive in the order of their sending, so the k-th send meets the
// k-th receive. Whichever is first waits in a short list of its receiver.
#pragma once

#include <cstdint>
#include <vector>

#include "base/units.hpp"

namespace lockstep {

struct MessageKey {
  std::int64_t tag = 0;
  std::int32_t source = 0;
  Bytes size;
  friend bool operator==(const MessageKey&, const MessageKey&) = default;
};

class Mailbox {
public:
  struct Receive {
    MessageKey key;
    std::int32_t subject = 0;  ///< what the receiver knows it by
  };

  explicit Mailbox(std::size_t num_npus) : boxes_(num_npus) {}

  /// Takes a message that has already arrived: true. Otherwise the receive waits: false.
  bool post(std::int32_t receiver, const Receive& receive);
  /// Takes the receive that waits for the message: true and its subject. Otherwise the message
  /// waits: false.
  bool arrive(std::int32_t receiver, const MessageKey& key, std::int32_t& subject);

  [[nodiscard]] const std::vector<Receive>& waiting(std::int32_t receiver) const {
    return boxes_[static_cast<std::size_t>(receiver)].receives;
  }
  [[nodiscard]] const std::vector<MessageKey>& arrived(std::int32_t receiver) const {
    return boxes_[static_cast<std::size_t>(receiver)].messages;
  }

private:
  struct Box {
    std::vector<Receive> receives;
    std::vector<MessageKey> messages;
  };
  std::vector<Box> boxes_;
};

}  // namespace lockstep
