#include "backend_reader.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <optional>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "config/json_view.hpp"

namespace lockstep {
namespace {

constexpr std::int64_t kMostNpus = std::int64_t{1} << 20;

template <class Value>
std::vector<Value> list_of(const YAML::Node& root, const char* key, const std::string& file) {
  const Where where{file, 0, key};
  try {
    const YAML::Node node = root[key];
    if (node.IsDefined() && node.IsSequence() && node.size() > 0) {
      return node.as<std::vector<Value>>();
    }
  } catch (const YAML::Exception&) {  // the message below says it all
  }
  throw UserError(fmt::format("'{}' is not a list with one entry a dimension", key), where,
                  "compare with the network.yml of `lockstep trace export`");
}

YAML::Node load_yaml(const std::string& file) {
  try {
    return YAML::LoadFile(file);
  } catch (const YAML::BadFile&) {
    throw UserError("cannot read this file", {file, 0, {}},
                    "check that it exists and that you may read it");
  } catch (const YAML::Exception& error) {
    throw UserError(error.msg, {file, error.mark.line + 1, {}}, "correct the YAML");
  }
}

Topology read_topology(const std::string& file) {
  const YAML::Node root = load_yaml(file);
  if (!root.IsMap()) {
    throw UserError("no mapping of topology, npus_count, bandwidth and latency", {file, 0, {}},
                    "compare with the network.yml of `lockstep trace export`");
  }
  const auto kinds = list_of<std::string>(root, "topology", file);
  const auto npus = list_of<std::int64_t>(root, "npus_count", file);
  const auto bandwidth = list_of<double>(root, "bandwidth", file);
  const auto latency = list_of<double>(root, "latency", file);
  if (npus.size() != kinds.size() || bandwidth.size() != kinds.size() ||
      latency.size() != kinds.size()) {
    throw UserError("topology, npus_count, bandwidth and latency differ in length", {file, 0, {}},
                    "give each one entry a dimension");
  }
  std::vector<Topology::Dimension> dims;
  for (std::size_t d = 0; d < kinds.size(); ++d) {
    const auto kind = topology_from_name(kinds[d]);
    if (!kind) {
      throw UserError(fmt::format("unknown topology '{}'", kinds[d]), {file, 0, "topology"},
                      "take Ring, FullyConnected or Switch");
    }
    dims.push_back({*kind, npus[d], bandwidth[d], latency[d]});
  }
  Topology topology(std::move(dims));
  if (topology.num_npus() > kMostNpus) {
    throw UserError(fmt::format("{} NPUs are too many", topology.num_npus()),
                    {file, 0, "npus_count"}, fmt::format("stay below {}", kMostNpus));
  }
  return topology;
}

/// One algorithm a kind of collective: the same in all dimensions.
CollectiveAlgorithm algorithm_of(const JsonView& system, const char* key) {
  const std::optional<JsonView> list = system.find(key);
  if (!list) {
    return {};
  }
  list->array();
  std::optional<std::string> name;
  for (std::size_t d = 0; d < list->size(); ++d) {
    const std::string here = list->item(d).text();
    if (name && *name != here) {
      list->fail("different algorithms for different dimensions are not modelled",
                 "name the same one for every dimension");
    }
    name = here;
  }
  return name ? algorithm_from_name(*name) : CollectiveAlgorithm{};
}

void expect_one(const JsonView& system, const char* key) {
  const std::optional<JsonView> value = system.find(key);
  if (value && value->integer() != 1) {
    value->fail("only 1 is modelled", "set it to 1");
  }
}

void read_system(const std::string& file, DeviceSimulatorSpec& spec) {
  const JsonDocument document = JsonDocument::read(file);
  const JsonView system = JsonView::root(document);
  system.object();
  if (const auto delay = system.find("endpoint-delay")) {
    spec.endpoint_delay = Nanos{delay->integer_between(0, std::int64_t{1} << 40)};
  }
  if (const auto bandwidth = system.find("local-mem-bw")) {
    spec.local_mem_bandwidth = bandwidth->number_at_least(0);
  }
  expect_one(system, "preferred-dataset-splits");
  expect_one(system, "active-chunks-per-dimension");
  spec.collectives.all_reduce = algorithm_of(system, "all-reduce-implementation");
  spec.collectives.all_gather = algorithm_of(system, "all-gather-implementation");
  spec.collectives.reduce_scatter = algorithm_of(system, "reduce-scatter-implementation");
  spec.collectives.all_to_all = algorithm_of(system, "all-to-all-implementation");
  if (const auto optimization = system.find("collective-optimization")) {
    spec.collectives.bandwidth_aware = optimization->text() == "localBWAware";
  }
}

std::optional<MemoryLevelSpec> read_level(const JsonView& level, MemoryTier tier) {
  level.object();
  MemoryLevelSpec spec;
  spec.tier = tier;
  const JsonView type = level.require("memory-type", "a memory level");
  const std::string name = type.text();
  if (name == "NO_MEMORY_EXPANSION") {
    return std::nullopt;
  }
  if (name == "PER_NPU_MEMORY_EXPANSION") {
    spec.discipline = MemoryLevelSpec::Discipline::per_npu;
  } else if (name != "PER_NODE_MEMORY_EXPANSION" && name != "MEMORY_POOL") {
    type.fail(fmt::format("unknown memory type '{}'", name),
              "take PER_NPU_MEMORY_EXPANSION, PER_NODE_MEMORY_EXPANSION or MEMORY_POOL");
  }
  spec.bandwidth = level.require("mem-bw", "a memory level").number_above(0);
  if (const auto latency = level.find("mem-latency")) {
    spec.latency = latency->number_at_least(0);
  }
  if (const auto devices = level.find("num-devices")) {
    spec.num_devices = devices->integer_between(1, 1 << 20);
  }
  if (const auto channels = level.find("pim-channels")) {
    spec.pim_channels = channels->integer_between(0, 1 << 20);
  }
  return spec;
}

void read_memory(const std::string& file, DeviceSimulatorSpec& spec) {
  const JsonDocument document = JsonDocument::read(file);
  const JsonView memory = JsonView::root(document);
  memory.object();
  const auto add = [&](const JsonView& view, MemoryTier tier) {
    if (auto level = read_level(view, tier)) {
      spec.memory.push_back(*level);
    }
  };
  if (memory.has("memory-type")) {  // one level without a name
    return add(memory, MemoryTier::remote);
  }
  if (const auto level = memory.find("local_mem")) {
    add(*level, MemoryTier::local);
  }
  if (const auto level = memory.find("remote_mem")) {
    add(*level, MemoryTier::remote);
  }
  if (const auto level = memory.find("cxl_mem")) {
    add(*level, MemoryTier::cxl);
  }
}

}  // namespace

DeviceSimulatorSpec read_backend(const BackendFiles& files) {
  DeviceSimulatorSpec spec{.topology = read_topology(files.network), .memory = {}};
  if (!files.system.empty()) {
    read_system(files.system, spec);
  }
  if (!files.memory.empty()) {
    read_memory(files.memory, spec);
  }
  return spec;
}

}  // namespace lockstep
