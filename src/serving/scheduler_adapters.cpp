// How many different adapters the running requests may have.
#include <algorithm>

#include "serving/scheduler.hpp"

namespace lockstep {

void Scheduler::collect_adapters() {
  adapters_.clear();
  if (instance_->features.lora.on()) {
    for (const Request* request : running_) {
      note_adapter(*request);
    }
  }
}

/// Whoever does not fit is passed over, and those behind it are not.
bool Scheduler::adapter_fits(const Request& request) const {
  return request.lora < 0 || std::ssize(adapters_) < instance_->features.lora.max_loras ||
         std::ranges::find(adapters_, request.lora) != adapters_.end();
}

void Scheduler::note_adapter(const Request& request) {
  if (request.lora >= 0 && std::ranges::find(adapters_, request.lora) == adapters_.end()) {
    adapters_.push_back(request.lora);
  }
}

/// Computed prompts in their order, as far as there is room.
void Scheduler::drain_handed_over() {
  if (handed_over_.empty()) {
    return;
  }
  collect_adapters();
  for (auto next = handed_over_.begin(); next != handed_over_.end();) {
    if (!adapter_fits(**next)) {
      ++next;
    } else if (admit_handed_over(**next)) {
      next = handed_over_.erase(next);
    } else {
      return;
    }
  }
}

}  // namespace lockstep
