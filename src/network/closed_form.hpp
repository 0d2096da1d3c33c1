// How long a collective takes when all its members start together: the formulas, without events.
//
// A second and much simpler model of the same thing as the event machine, to be compared with it.
// Times are ns after the common start.
#pragma once

#include "network/collective_plan.hpp"

namespace lockstep {

struct CollectiveSpan {
  Nanos first;  ///< the first NPU to finish
  Nanos last;   ///< and the last one
  friend bool operator==(const CollectiveSpan&, const CollectiveSpan&) = default;
};

/// Throws UserError where the collective is impossible, InternalError where no formula exists:
/// `direct` with a window, trees over several dimensions, flat groups over several dimensions.
[[nodiscard]] CollectiveSpan closed_form(const Topology& topology, const CollectiveRequest& request,
                                         const CollectiveSettings& settings,
                                         const CollectiveCosts& costs);

}  // namespace lockstep
