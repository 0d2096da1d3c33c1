#include "engine/device_mailbox.hpp"

namespace lockstep {

bool Mailbox::post(std::int32_t receiver, const Receive& receive) {
  Box& box = boxes_[static_cast<std::size_t>(receiver)];
  for (auto message = box.messages.begin(); message != box.messages.end(); ++message) {
    if (*message == receive.key) {
      box.messages.erase(message);
      return true;
    }
  }
  box.receives.push_back(receive);
  return false;
}

bool Mailbox::arrive(std::int32_t receiver, const MessageKey& key, std::int32_t& subject) {
  Box& box = boxes_[static_cast<std::size_t>(receiver)];
  for (auto receive = box.receives.begin(); receive != box.receives.end(); ++receive) {
    if (receive->key == key) {
      subject = receive->subject;
      box.receives.erase(receive);
      return true;
    }
  }
  box.messages.push_back(key);
  return false;
}

}  // namespace lockstep
