#include "closed_loop/front_ends.hpp"

#include <algorithm>

namespace lockstep {

Nanos FrontEnds::take(Nanos now, std::int64_t prompt_tokens) {
  Nanos& free = *std::min_element(free_.begin(), free_.end());
  free = std::max(free, now) +
         host_time(host_.request + host_.prompt_token * static_cast<double>(prompt_tokens));
  return free;
}

}  // namespace lockstep
