// A cluster as the three description files of a network simulator give it: the reverse of
// config/backend_files.
#pragma once

#include <string>

#include "engine/device_simulator.hpp"

namespace lockstep {

struct BackendFiles {
  std::string network;  ///< network.yml: topology, npus_count, bandwidth (GiB/s), latency (ns)
  std::string system;   ///< system.json; empty: ring collectives, endpoint delay 10, no reductions
  std::string memory;   ///< memory_expansion.json; empty: no memory beyond the NPU's
};

/// Throws UserError with file and line for what cannot be read or is not modelled.
[[nodiscard]] DeviceSimulatorSpec read_backend(const BackendFiles& files);

}  // namespace lockstep
