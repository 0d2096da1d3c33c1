#include "serving/request.hpp"

#include <algorithm>

namespace lockstep {

void Request::stamp_first_token(Nanos now) {
  ttft = now - arrival;
  recent_end = now;
  itl.reserve(static_cast<std::size_t>(std::max(output - input - 1, std::int64_t{0})));
}

void Request::stamp_next_token(Nanos now) {
  itl.push_back(now - recent_end);
  recent_end = now;
}

void Request::stamp_end(Nanos now) {
  end_time = now;
  latency = now - arrival;
  const std::int64_t gaps = output - input - 1;  // -1 for a request that asks for nothing
  tpot = gaps == 0 ? Nanos{0} : (latency - ttft) / gaps;
}

}  // namespace lockstep
