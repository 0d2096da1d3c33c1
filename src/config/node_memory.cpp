#include "config/node_memory.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "config/number_text.hpp"
#include "config/path_name.hpp"

namespace lockstep {
namespace {

/// Above this a figure is a slip of the pen, and sizes in bytes would not fit 64 bits.
constexpr double kMost = 1e9;

double bounded(const JsonView& value, double figure) {
  if (figure > kMost) {
    value.fail(fmt::format("'{}' is {}", value.path(), plain_number_text(figure)),
               fmt::format("give at most {}", plain_number_text(kMost)));
  }
  return figure;
}

double size_of(const JsonView& memory, const std::string& place) {
  const JsonView value = memory.require("mem_size", place);
  return bounded(value, value.number_at_least(0));
}

PimDevice find_pim_device(const JsonView& name, double mem_size,
                          const std::vector<std::filesystem::path>& dirs) {
  std::vector<std::string> places;
  for (const auto& dir : dirs) {
    const std::filesystem::path file = dir / (path_name(name) + ".ini");
    std::error_code ignored;
    if (std::filesystem::is_regular_file(file, ignored)) {
      return read_pim_device(file, mem_size);
    }
    places.push_back(file.string());
  }
  name.fail(fmt::format("PIM description '{}' not found. Checked: {}.", name.text(),
                        fmt::join(places, ", ")),
            "give the name of a file in the PIM folder without '.ini' (--pim-dir names the "
            "folder)");
}

}  // namespace

MemoryFigures read_memory_figures(const JsonView& memory, std::string_view name) {
  memory.object();
  const std::string place = fmt::format("'{}' configuration", name);
  for (const std::string_view key : {"mem_size", "mem_bw", "mem_latency"}) {
    static_cast<void>(memory.require(key, place));
  }
  const JsonView bandwidth = memory.require("mem_bw", place);
  const JsonView latency = memory.require("mem_latency", place);
  return {size_of(memory, place), bounded(bandwidth, bandwidth.number_above(0)),
          bounded(latency, latency.number_at_least(0))};
}

void read_cpu_memory(const JsonView& cpu_mem, bool attn_offloading,
                     const std::vector<std::filesystem::path>& pim_dirs, Node& node,
                     std::vector<std::string>& warnings) {
  if (!attn_offloading) {
    node.cpu_mem = read_memory_figures(cpu_mem, "cpu_mem");
    return;
  }
  const auto name = cpu_mem.find("pim_config");
  if (!name) {
    cpu_mem.fail(
        "Missing 'pim_config' in 'cpu_mem' configuration while attention offloading is enabled.",
        "add \"pim_config\": \"<device>\" to every node, or switch attention offloading off");
  }
  const double size = size_of(cpu_mem, "'cpu_mem' configuration");
  node.pim = find_pim_device(*name, size, pim_dirs);
  const PimDevice& pim = *node.pim;
  const std::string latency =
      pim.whole_latency ? plain_number_text(pim.mem_latency) : float_text(pim.mem_latency);
  const auto note = [&](std::string_view key, const std::string& value) {
    if (cpu_mem.has(key)) {
      warnings.push_back(
          fmt::format("'{}' in 'cpu_mem' configuration will be overwritten by {} in "
                      "'pim_config'.",
                      key, value));
    }
  };
  note("mem_bw", float_text(pim.mem_bandwidth));
  note("mem_latency", latency);
  node.cpu_mem = {size, pim.mem_bandwidth, pim.mem_latency};
}

}  // namespace lockstep
