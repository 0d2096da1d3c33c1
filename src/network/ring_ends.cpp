#include "network/ring_ends.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace lockstep {

void ring_ends(std::span<const Nanos> begins, const RingSteps& ring, std::vector<Nanos>& ends) {
  const auto n = static_cast<std::int64_t>(begins.size());
  ensure(n > 0 && ring.steps >= n - 1, "a ring that some member's messages do not get round");
  const Nanos at_members = ring.endpoint_delay * ring.steps + ring.reductions;
  const auto [first, last] = std::ranges::minmax_element(begins);
  ends.assign(begins.size(), *last + ring.travel * ring.steps + at_members);
  if (*first == *last) {
    return;
  }
  for (std::int64_t i = 0; i < n; ++i) {
    Nanos end = Nanos{0};
    for (std::int64_t back = 0; back < n; ++back) {
      const std::int64_t hops = back + (ring.steps - back) / n * n;
      const Nanos begin = begins[static_cast<std::size_t>((i - back + n) % n)];
      end = std::max(end, begin + ring.travel * hops);
    }
    ends[static_cast<std::size_t>(i)] = end + at_members;
  }
}

}  // namespace lockstep
