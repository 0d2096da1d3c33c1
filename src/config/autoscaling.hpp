// How many instances of a cluster run, by their load.
#pragma once

#include <cstdint>

#include "base/units.hpp"

namespace lockstep {

/// The rule of Kubernetes' HorizontalPodAutoscaler for an average value: every `interval` the
/// number wanted is ceil(requests / target), within [min, max]; nothing changes while it is within
/// `tolerance` of the present number; the number falls to the largest one wanted within the last
/// `scale_down_delay`.
struct Autoscaling {
  std::int64_t min = 1;
  std::int64_t max = 1;
  double target = 1;       ///< requests (waiting and running) an instance
  Nanos cold_start;        ///< from the start of an instance until it takes requests
  Nanos interval;          ///< between two looks
  Nanos scale_down_delay;  ///< the stabilization window
  double tolerance = 0.1;  ///< Kubernetes' default
};

}  // namespace lockstep
