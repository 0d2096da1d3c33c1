#include "closed_loop/front_ends.hpp"

#include <algorithm>
#include <cmath>

namespace lockstep {
Nanos FrontEnds::take(Nanos now, std::int64_t prompt_tokens) {
  Nanos& free = *std::min_element(free_.begin(), free_.end());
  free = std::max(free, now) +
         host_time(host_.request + host_.prompt_token * static_cast<double>(prompt_tokens));
  return free;
}

Nanos FrontEnds::wait(Nanos now) const {
  double waiting = 0;
  for (const Nanos free : free_) {
    waiting += static_cast<double>((std::max(free, now) - now).count());
  }
  return Nanos{std::llround(waiting / static_cast<double>(free_.size()))};
}

}  // namespace lockstep
