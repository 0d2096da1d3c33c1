// Ends of a ring from the formula and from its recurrence, message by message.
#include "network/ring_ends.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace lockstep {
namespace {

RC_GTEST_PROP(RingEnds, AsMessageByMessage, ()) {
  const auto n = *rc::gen::inRange<std::size_t>(2, 12);
  RingSteps ring;
  ring.steps = static_cast<std::int64_t>(n) - 1 + *rc::gen::inRange<std::int64_t>(0, 70);
  ring.travel = Nanos{*rc::gen::inRange<std::int64_t>(0, 50)};
  ring.endpoint_delay = Nanos{*rc::gen::inRange<std::int64_t>(0, 20)};
  std::vector<Nanos> begins;
  for (std::size_t i = 0; i < n; ++i) {
    begins.emplace_back(*rc::gen::inRange<std::int64_t>(0, 900));
  }
  std::vector<Nanos> now = begins;
  for (std::int64_t k = 0; k < ring.steps; ++k) {
    const Nanos reduction{*rc::gen::element<std::int64_t>(0, 0, 7)};
    ring.reductions += reduction;
    const std::vector<Nanos> before = now;
    for (std::size_t i = 0; i < n; ++i) {
      now[i] = std::max(before[(i + n - 1) % n] + ring.travel, before[i]) + ring.endpoint_delay +
               reduction;
    }
  }
  std::vector<Nanos> ends;
  ring_ends(begins, ring, ends);
  RC_ASSERT(ends == now);
}

}  // namespace
}  // namespace lockstep
