// Small programs and clusters for tests of the device simulator.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/device_simulator.hpp"

namespace lockstep::testing {

/// Builds one NPU's graph node by node.
class NpuProgram {
public:
  explicit NpuProgram(std::int32_t npu) { graph_.npu = npu; }

  std::int32_t add(const GraphNode& node, std::vector<std::int32_t> parents = {}) {
    graph_.nodes.push_back(node);
    parents_.push_back(std::move(parents));
    return static_cast<std::int32_t>(graph_.nodes.size()) - 1;
  }
  std::int32_t compute(std::int64_t duration, std::vector<std::int32_t> parents = {}) {
    GraphNode node;
    node.duration = Nanos{duration};
    return add(node, std::move(parents));
  }
  std::int32_t load(std::int64_t size, MemoryLocation location = {MemoryTier::remote, 0, -1},
                    std::vector<std::int32_t> parents = {}) {
    GraphNode node;
    node.kind = NodeKind::mem_load;
    node.size = Bytes{size};
    node.location = location;
    return add(node, std::move(parents));
  }
  std::int32_t pim(std::int64_t duration, std::int64_t size, std::int32_t device,
                   std::int32_t channel) {
    GraphNode node;
    node.kind = NodeKind::pim;
    node.duration = Nanos{duration};
    node.size = Bytes{size};
    node.location = {MemoryTier::remote, device, channel};
    return add(node);
  }
  std::int32_t send(std::int32_t peer, std::int64_t size, std::int32_t tag = 0,
                    std::vector<std::int32_t> parents = {}) {
    return message(NodeKind::send, peer, size, tag, std::move(parents));
  }
  std::int32_t recv(std::int32_t peer, std::int64_t size, std::int32_t tag = 0,
                    std::vector<std::int32_t> parents = {}) {
    return message(NodeKind::recv, peer, size, tag, std::move(parents));
  }
  std::int32_t collective(CollectiveKind kind, std::int64_t size, DimMask mask = {},
                          std::vector<std::int32_t> parents = {}) {
    GraphNode node;
    node.kind = NodeKind::collective;
    node.comm = kind;
    node.size = Bytes{size};
    node.comm_mask = mask;
    return add(node, std::move(parents));
  }

  [[nodiscard]] std::shared_ptr<const NpuGraph> done() const {
    auto graph = std::make_shared<NpuGraph>(graph_);
    std::vector<std::vector<std::int32_t>> children(parents_.size());
    graph->parent_begin.push_back(0);
    for (std::size_t v = 0; v < parents_.size(); ++v) {
      for (const std::int32_t parent : parents_[v]) {
        children[static_cast<std::size_t>(parent)].push_back(static_cast<std::int32_t>(v));
        graph->parents.push_back(parent);
      }
      graph->num_parents.push_back(static_cast<std::int32_t>(parents_[v].size()));
      graph->parent_begin.push_back(static_cast<std::int32_t>(graph->parents.size()));
    }
    graph->child_begin.push_back(0);
    for (const auto& list : children) {
      graph->children.insert(graph->children.end(), list.begin(), list.end());
      graph->child_begin.push_back(static_cast<std::int32_t>(graph->children.size()));
    }
    return graph;
  }

private:
  std::int32_t message(NodeKind kind, std::int32_t peer, std::int64_t size, std::int32_t tag,
                       std::vector<std::int32_t> parents) {
    GraphNode node;
    node.kind = kind;
    node.peer = peer;
    node.size = Bytes{size};
    node.tag = tag;
    return add(node, std::move(parents));
  }

  NpuGraph graph_;
  std::vector<std::vector<std::int32_t>> parents_;
};

inline constexpr auto kAllReduce = CollectiveKind::all_reduce;

using Dims = std::vector<Topology::Dimension>;

inline Topology::Dimension full(std::int64_t npus, double bandwidth = 112, double latency = 500) {
  return {TopologyKind::fully_connected, npus, bandwidth, latency};
}

inline MemoryLevelSpec remote_level(double bandwidth = 256, double latency = 100,
                                    std::int64_t devices = 1) {
  MemoryLevelSpec level;
  level.bandwidth = bandwidth;
  level.latency = latency;
  level.num_devices = devices;
  return level;
}

inline DeviceSimulatorSpec spec_of(Dims dims, std::vector<MemoryLevelSpec> memory = {},
                                   double local_mem_bandwidth = 768) {
  DeviceSimulatorSpec spec{Topology(std::move(dims)), std::move(memory)};
  spec.local_mem_bandwidth = local_mem_bandwidth;
  return spec;
}

/// Steps until nothing is pending; the time at which each NPU was first seen finished, -1 for
/// those that never are.
inline std::vector<std::int64_t> run(DeviceSimulator& sim) {
  std::vector<std::int64_t> finish(static_cast<std::size_t>(sim.num_npus()), -1);
  const auto look = [&] {
    for (std::size_t npu = 0; npu < finish.size(); ++npu) {
      if (finish[npu] < 0 && sim.finished(static_cast<std::int32_t>(npu))) {
        finish[npu] = sim.now().count();
      }
    }
  };
  look();
  while (sim.busy()) {
    sim.step();
    look();
  }
  return finish;
}

/// All times at which something happens.
inline std::vector<std::int64_t> step_times(DeviceSimulator& sim) {
  std::vector<std::int64_t> times;
  while (sim.busy()) {
    sim.step();
    times.push_back(sim.now().count());
  }
  return times;
}

}  // namespace lockstep::testing
