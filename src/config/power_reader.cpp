#include "config/power_reader.hpp"

#include <fmt/format.h>

#include <array>
#include <span>

#include "config/number_text.hpp"

namespace lockstep {
namespace {

constexpr std::array<std::string_view, 4> kNpuKeys{"idle_power", "standby_power", "active_power",
                                                   "standby_duration"};
constexpr std::array<std::string_view, 3> kCpuKeys{"idle_power", "active_power", "util"};
constexpr std::array<std::string_view, 3> kDramKeys{"energy_per_bit", "dimm_size", "idle_power"};
constexpr std::array<std::string_view, 3> kLinkKeys{"num_links", "idle_power", "energy_per_bit"};
constexpr std::array<std::string_view, 2> kNicKeys{"num_nics", "idle_power"};
constexpr std::array<std::string_view, 2> kStorageKeys{"num_devices", "idle_power"};

/// Longer than any run: a duration of this many seconds was meant in nanoseconds.
constexpr double kSuspiciousSeconds = 1e6;

JsonView part_of(const JsonView& power, std::string_view key) {
  return power.require(key, "power configuration").object();
}

void require_keys(const JsonView& part, std::span<const std::string_view> keys,
                  const std::string& place) {
  for (const std::string_view key : keys) {
    static_cast<void>(part.require(key, place));
  }
}

void check_npus(const JsonView& node, const JsonView& power) {
  const JsonView npu = part_of(power, "npu");
  const auto instances = node.find("instances");
  if (!instances || !instances->json().is_array()) {
    return;  // refused later with its own message
  }
  for (std::size_t i = 0; i < instances->size(); ++i) {
    const JsonView instance = instances->item(i).object();
    const JsonView name = instance.require("hardware", "instance configuration");
    const std::string hardware = name.text();
    const auto entry = npu.find(hardware);
    if (!entry) {
      npu.fail(
          fmt::format("Missing power configuration for npu hardware '{}'.", hardware),
          fmt::format("add '{}' to the node's power.npu, or remove the power blocks", hardware));
    }
    require_keys(entry->object(), kNpuKeys, fmt::format("npu '{}' power configuration", hardware));
  }
}

void check_node(const JsonView& node, bool attn_offloading) {
  const JsonView power = node.require("power", "node configuration").object();
  static_cast<void>(power.require("base_node_power", "power configuration"));
  check_npus(node, power);
  require_keys(part_of(power, "cpu"), kCpuKeys, "cpu power configuration");
  const std::size_t dram_keys = attn_offloading ? 1 : kDramKeys.size();
  require_keys(part_of(power, "dram"), std::span(kDramKeys).first(dram_keys),
               "dram power configuration");
  require_keys(part_of(power, "link"), kLinkKeys, "link power configuration");
  require_keys(part_of(power, "nic"), kNicKeys, "nic power configuration");
  require_keys(part_of(power, "storage"), kStorageKeys, "storage power configuration");
}

double amount(const JsonView& part, std::string_view key) {
  return part.require(key, "power configuration").number_at_least(0);
}

void read_npus(const JsonView& npu, const std::vector<const Instance*>& instances,
               PowerConfig& power, std::vector<std::string>& warnings) {
  for (const auto& item : npu.json().items()) {
    std::int64_t count = 0;
    for (const Instance* instance : instances) {
      count += instance->hardware == item.key() ? instance->num_npus : 0;
    }
    if (count == 0) {
      warnings.push_back(fmt::format("{} is not used by any instance of its node",
                                     child_path(npu.path(), item.key())));
      continue;
    }
    const auto entry = npu.find(item.key());
    NpuPower& figures = power.npu[item.key()];
    figures.idle = amount(*entry, "idle_power");
    figures.standby = amount(*entry, "standby_power");
    figures.active = amount(*entry, "active_power");
    figures.standby_duration = amount(*entry, "standby_duration");
    figures.num_npus = count;
    if (figures.standby_duration >= kSuspiciousSeconds) {
      warnings.push_back(fmt::format("{}.standby_duration is in seconds; {} of them is long",
                                     entry->path(), plain_number_text(figures.standby_duration)));
    }
  }
}

void read_dram(const JsonView& dram, const Node& node, bool always_note_idle, PowerConfig& power,
               std::vector<std::string>& warnings) {
  power.dram_energy_per_bit = amount(dram, "energy_per_bit");
  power.dram_mem_size = node.cpu_mem.size_gb;
  if (!node.pim) {
    power.dram_dimm_size = dram.require("dimm_size", "dram power configuration").number_above(0);
    power.dram_idle = amount(dram, "idle_power");
    return;
  }
  const PimDevice& pim = *node.pim;
  if (pim.idle_power <= 0 || pim.active_power <= 0) {
    dram.fail(fmt::format("PIM device '{}' gives no idle_power and peak_power", pim.spec),
              "add both (in mW) to its file, or remove the power blocks");
  }
  const auto note = [&](std::string_view key, double value) {
    warnings.push_back(
        fmt::format("'{}' in 'dram' power configuration will be overwritten by {} "
                    "in 'pim_config'.",
                    key, float_text(value)));
  };
  if (dram.has("dimm_size")) {
    note("dimm_size", pim.dimm_size_gb);
  }
  if (dram.has("idle_power") || always_note_idle) {
    note("idle_power", pim.idle_power);
  }
  power.dram_dimm_size = pim.dimm_size_gb;
  power.dram_idle = pim.idle_power;
  power.pim_active_power = pim.active_power;
}

}  // namespace

bool check_power(const std::vector<JsonView>& nodes, bool attn_offloading,
                 std::vector<std::string>& warnings) {
  std::size_t with_power = 0;
  for (const JsonView& node : nodes) {
    with_power += node.find("power") ? 1U : 0U;
  }
  if (with_power < nodes.size()) {
    if (with_power > 0) {
      warnings.push_back(
          fmt::format("power is not modelled: only {} of {} nodes have a power block", with_power,
                      nodes.size()));
    }
    return false;
  }
  for (const JsonView& node : nodes) {
    check_node(node, attn_offloading);
  }
  return !nodes.empty();
}

PowerConfig read_power(const JsonView& node, const Node& resolved,
                       const std::vector<const Instance*>& instances, bool always_note_idle,
                       std::vector<std::string>& warnings) {
  const JsonView view = node.require("power", "node configuration");
  PowerConfig power;
  power.base_node_power = amount(view, "base_node_power");
  read_npus(part_of(view, "npu"), instances, power, warnings);
  const JsonView cpu = part_of(view, "cpu");
  power.cpu_idle = amount(cpu, "idle_power");
  power.cpu_active = amount(cpu, "active_power");
  power.cpu_util = amount(cpu, "util");
  if (power.cpu_util > 1) {
    warnings.push_back(fmt::format("{}.util is a share of the CPU, and {} of it is more than all",
                                   cpu.path(), power.cpu_util));
  }
  read_dram(part_of(view, "dram"), resolved, always_note_idle, power, warnings);
  const JsonView link = part_of(view, "link");
  power.num_links = amount(link, "num_links");
  power.link_idle = amount(link, "idle_power");
  power.link_energy_per_bit = amount(link, "energy_per_bit");
  const JsonView nic = part_of(view, "nic");
  power.num_nics = amount(nic, "num_nics");
  power.nic_idle = amount(nic, "idle_power");
  const JsonView storage = part_of(view, "storage");
  power.num_storage = amount(storage, "num_devices");
  power.storage_idle = amount(storage, "idle_power");
  return power;
}

}  // namespace lockstep
