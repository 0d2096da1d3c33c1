// The power block of a node. Units: W, J per bit in pJ, GB, seconds.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace lockstep {

struct NpuPower {
  double idle = 0, standby = 0, active = 0;
  double standby_duration = 0;  ///< s
  std::int64_t num_npus = 0;    ///< of the node's instances on this hardware, without receivers
};

struct PowerConfig {
  double base_node_power = 0;
  std::map<std::string, NpuPower> npu;  ///< by hardware name, in name order
  double cpu_idle = 0, cpu_active = 0, cpu_util = 0;
  double dram_dimm_size = 0, dram_idle = 0, dram_energy_per_bit = 0, dram_mem_size = 0;
  double pim_active_power = 0;
  double num_links = 0, link_idle = 0, link_energy_per_bit = 0;
  double num_nics = 0, nic_idle = 0;
  double num_storage = 0, storage_idle = 0;
};

}  // namespace lockstep
