// Instances that take no requests for a while, and requests that come back from them.
#include <algorithm>

#include "serving/router.hpp"

namespace lockstep {

void Router::set_available(std::int32_t instance, bool available) {
  std::vector<bool>& away = away_;
  away.resize(schedulers_.size(), false);
  away[static_cast<std::size_t>(instance)] = !available;
  for (Role* role : {&prefill_, &decode_}) {
    role->candidates.clear();
    role->loads.reset();
  }
  for (Scheduler* scheduler : schedulers_) {
    if (!away[static_cast<std::size_t>(scheduler->instance().id)]) {
      role_of(*scheduler).candidates.push_back(scheduler);
    }
  }
}

void Router::give_back(Request& request, Nanos time) {
  const auto place = std::ranges::upper_bound(returned_, time, {}, &Returned::time);
  returned_.insert(place, {time, &request});
}

/// Whoever comes back stands before those that arrive at the same time.
Request* Router::next_due(Nanos now) {
  const bool arrived = next_ < pending_.size() && pending_[next_]->arrival <= now;
  if (!returned_.empty() && returned_.front().time <= now &&
      (!arrived || returned_.front().time <= pending_[next_]->arrival)) {
    Request* request = returned_.front().request;
    returned_.erase(returned_.begin());
    return request;
  }
  if (!arrived) {
    return nullptr;
  }
  Request* request = pending_[next_++];
  read_ahead();
  return request;
}

std::optional<Nanos> Router::next_arrival() const {
  if (!has_pending() || prefill_.candidates.empty()) {
    return std::nullopt;
  }
  const Nanos returned = returned_.empty() ? Nanos::max() : returned_.front().time;
  return next_ < pending_.size() ? std::min(pending_[next_]->arrival, returned) : returned;
}

bool Router::take_back_returned(const Request& request) {
  return std::erase_if(returned_,
                       [&](const Returned& returned) { return returned.request == &request; }) > 0;
}

}  // namespace lockstep
