// Executes given graphs once on a simulated cluster.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend_reader.hpp"
#include "iteration/graph.hpp"

namespace lockstep {

struct TraceRunSettings {
  std::string path;
  std::string cluster_config;  ///< or the backend files
  std::string model_dir;
  BackendFiles backend;
  GraphContext context;  ///< of a text trace
  std::string schema = "lockstep";
  std::vector<std::int32_t> late;  ///< begin one event after the others
  bool together = false;           ///< none is late
};

/// Prints one CSV row an NPU: finish time and exposed communication (finish less compute issued),
/// both ns from the start. Throws UserError, also when the graphs cannot be finished.
void run_trace(const TraceRunSettings& settings);

}  // namespace lockstep
