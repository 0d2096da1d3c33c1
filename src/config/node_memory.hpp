// Reads the figures of a memory, and a node's host memory with its PIM device.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "config/cluster.hpp"
#include "config/json_view.hpp"

namespace lockstep {

/// mem_size, mem_bw and mem_latency of the object `name`.
[[nodiscard]] MemoryFigures read_memory_figures(const JsonView& memory, std::string_view name);

/// Sets cpu_mem and, when attention is offloaded, the PIM device, whose bandwidth and latency then
/// replace those of the file; the replacements are noted in `warnings`.
void read_cpu_memory(const JsonView& cpu_mem, bool attn_offloading,
                     const std::vector<std::filesystem::path>& pim_dirs, Node& node,
                     std::vector<std::string>& warnings);

}  // namespace lockstep
