// What the device simulator needs to know of a cluster: network, memory levels, rules.
#pragma once

#include "config/cluster.hpp"
#include "engine/device_simulator.hpp"

namespace lockstep {

[[nodiscard]] DeviceSimulatorSpec device_spec(const Cluster& cluster, const FidelityPolicy& policy);

}  // namespace lockstep
