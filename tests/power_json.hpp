// The power of one node, as a cluster file has it.
#pragma once

#include <nlohmann/json.hpp>

namespace lockstep::testing {

inline nlohmann::ordered_json power_of_a_node() {
  return {{"base_node_power", 60},
          {"npu",
           {{"RTXPRO6000",
             {{"idle_power", 35},
              {"standby_power", 300},
              {"active_power", 600},
              {"standby_duration", 18}}}}},
          {"cpu", {{"idle_power", 10}, {"active_power", 200}, {"util", 0.15}}},
          {"dram", {{"dimm_size", 32}, {"idle_power", 2.0}, {"energy_per_bit", 6.0}}},
          {"link", {{"num_links", 1}, {"idle_power", 5}, {"energy_per_bit", 4.0}}},
          {"nic", {{"num_nics", 1}, {"idle_power", 20}}},
          {"storage", {{"num_devices", 2}, {"idle_power", 5}}}};
}

}  // namespace lockstep::testing
