// Reads and checks the power blocks of the nodes.
#pragma once

#include <string>
#include <vector>

#include "config/cluster.hpp"
#include "config/json_view.hpp"

namespace lockstep {

/// True when every node has a power block, whose keys are then complete. Otherwise power is off
/// for all of them.
[[nodiscard]] bool check_power(const std::vector<JsonView>& nodes, bool attn_offloading,
                               std::vector<std::string>& warnings);

/// The power block of a node whose instances and cpu_mem are resolved. `always_note_idle`: the
/// replacement of dram.idle_power by the PIM device's is noted even when the file gives none.
[[nodiscard]] PowerConfig read_power(const JsonView& node, const Node& resolved,
                                     const std::vector<const Instance*>& instances,
                                     bool always_note_idle, std::vector<std::string>& warnings);

}  // namespace lockstep
