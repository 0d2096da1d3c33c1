// A session as a generator hands it over, one at a time, so that a workload of any size is written
// in bounded memory.
#pragma once

#include <string>
#include <vector>

#include "workload/workload.hpp"

namespace lockstep {

struct GeneratedSession {
  std::string session_id;
  Nanos arrival;                       ///< of the first call
  std::vector<WorkloadRequest> calls;  ///< only lengths, ids and tool_duration count
};

}  // namespace lockstep
