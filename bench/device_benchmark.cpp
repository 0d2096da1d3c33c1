// Events per second of the device simulator; every run checks the time at which it ends.
#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "engine/device_simulator.hpp"
#include "engine/event_queue.hpp"
#include "network/closed_form.hpp"

namespace lockstep {
namespace {

constexpr std::int64_t kLayers = 300;
constexpr Bytes kMessage{65536};

// A chain: every node waits for the one before.
std::shared_ptr<const NpuGraph> chain(std::int32_t npu, const std::vector<GraphNode>& nodes) {
  auto graph = std::make_shared<NpuGraph>();
  graph->npu = npu;
  graph->nodes = nodes;
  const auto count = static_cast<std::int32_t>(nodes.size());
  for (std::int32_t v = 0; v < count; ++v) {
    graph->num_parents.push_back(v == 0 ? 0 : 1);
    graph->child_begin.push_back(v);
    if (v + 1 < count) {
      graph->children.push_back(v + 1);
    }
  }
  graph->child_begin.push_back(count - 1);
  return graph;
}

GraphNode compute(std::int64_t duration) {
  GraphNode node;
  node.duration = Nanos{duration};
  return node;
}

GraphNode all_reduce() {
  GraphNode node;
  node.kind = NodeKind::collective;
  node.comm = CollectiveKind::all_reduce;
  node.size = kMessage;
  return node;
}

DeviceSimulatorSpec spec_of(std::int64_t npus) {
  DeviceSimulatorSpec spec{Topology({{TopologyKind::fully_connected, npus, 112, 500}}), {}};
  spec.local_mem_bandwidth = 1597;
  return spec;
}

// Runs the chain on all NPUs again and again; `events` handled by one NPU in one run.
void run_chains(benchmark::State& state, const std::vector<GraphNode>& nodes, std::int64_t npus,
                Nanos expected, std::int64_t events) {
  DeviceSimulator sim(spec_of(npus));
  std::vector<std::shared_ptr<const NpuGraph>> graphs;
  for (std::int32_t npu = 0; npu < npus; ++npu) {
    graphs.push_back(chain(npu, nodes));
  }
  for (auto _ : state) {
    const Nanos begin = sim.now();
    for (const auto& graph : graphs) {
      sim.start(graph);
    }
    while (sim.busy()) {
      sim.step();
    }
    if (sim.now() - begin != expected) {
      state.SkipWithError("the chain ended at another time");
    }
  }
  state.counters["events"] = benchmark::Counter(
      static_cast<double>(events * npus * static_cast<std::int64_t>(state.iterations())),
      benchmark::Counter::kIsRate);
}

void compute_chain(benchmark::State& state) {
  const std::int64_t npus = state.range(0);
  const std::vector<GraphNode> nodes(static_cast<std::size_t>(kLayers), compute(1000));
  run_chains(state, nodes, npus, Nanos{1000 * kLayers}, kLayers);
}
BENCHMARK(compute_chain)->Arg(1)->Arg(2)->Arg(64)->Arg(1024);

void tensor_parallel_chain(benchmark::State& state) {
  const std::int64_t npus = state.range(0);
  std::vector<GraphNode> nodes;
  for (std::int64_t layer = 0; layer < kLayers; ++layer) {
    nodes.push_back(compute(1000));
    nodes.push_back(all_reduce());
  }
  const DeviceSimulatorSpec spec = spec_of(npus);
  const CollectiveSpan exchange =
      closed_form(spec.topology, {CollectiveKind::all_reduce, kMessage, {}}, {},
                  {spec.endpoint_delay, spec.local_mem_bandwidth});
  // A compute, the entry, and for every step arrival, endpoint delay and, in the first half, the
  // reduction.
  const std::int64_t events = kLayers * (2 + 5 * (npus - 1));
  run_chains(state, nodes, npus, (Nanos{1000} + exchange.last) * kLayers, events);
}
BENCHMARK(tensor_parallel_chain)->Arg(2)->Arg(4)->Arg(8);

// The queue alone: `pending` NPUs, each of which schedules its next event when one is handled.
void event_queue(benchmark::State& state) {
  const auto pending = static_cast<std::int32_t>(state.range(0));
  EventQueue<std::int32_t> queue(static_cast<std::size_t>(pending));
  for (std::int32_t npu = 0; npu < pending; ++npu) {
    queue.push_own(npu, Nanos{npu % 7}, npu);
  }
  std::int64_t handled = 0;
  Nanos now;
  for (auto _ : state) {
    const Nanos next = queue.next_time();
    if (next < now) {
      state.SkipWithError("time ran back");
    }
    now = next;
    EventQueue<std::int32_t>::Item item;
    while (queue.pop(now, item)) {
      ++handled;
      queue.push_own(item.owner, now + Nanos{7 + item.event % 13}, item.event);
    }
  }
  state.counters["events"] =
      benchmark::Counter(static_cast<double>(handled), benchmark::Counter::kIsRate);
}
BENCHMARK(event_queue)->Arg(1)->Arg(4)->Arg(64)->Arg(4096);

}  // namespace
}  // namespace lockstep
