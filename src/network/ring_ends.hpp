// When the members of a ring end a phase that they begin at different times: the formula, without
// messages.
//
// A member begins to act at b, sends a message to the next one, and for each of `steps` messages
// that it receives spends the endpoint delay e, perhaps a reduction r(k), and sends the next. So it
// has processed message k at
//   p_i(k) = max(p_{i-1}(k-1) + t, p_i(k-1)) + e + r(k),   p_i(0) = b_i,
// with t the time of a message on its way. Unrolled, every way back from p_i(K) to some b_j has the
// same e and r and differs in how often it goes from member to member:
//   p_i(K) = max_j(b_j + t h_ij) + K e + r(1) + ... + r(K),
// h_ij the largest number of hops up to K that leads from j to i. With K >= n - 1 every j does.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/units.hpp"

namespace lockstep {

struct RingSteps {
  std::int64_t steps = 0;  ///< messages that each member receives; at least members - 1
  Nanos travel;            ///< of one message to the next member
  Nanos endpoint_delay;
  Nanos reductions;  ///< of all messages together, in one member
};

/// `begins` by place in the direction of the messages, when each first acts; `ends` likewise.
void ring_ends(std::span<const Nanos> begins, const RingSteps& ring, std::vector<Nanos>& ends);

}  // namespace lockstep
