// What came of failures and of autoscaling in a run.
#pragma once

#include <cstdint>

namespace lockstep {

struct FleetUse {
  std::int64_t failures = 0;        ///< that happened before the end
  std::int64_t moved_requests = 0;  ///< times that a request went back to the router
  bool scales = false;              ///< the cluster has autoscaling: what follows counts
  double instance_seconds = 0;      ///< that instances were on: starting, serving, draining
  std::int64_t starts = 0;          ///< of instances, those on from the beginning left out
  std::int64_t most_on = 0;         ///< instances at once
};

}  // namespace lockstep
