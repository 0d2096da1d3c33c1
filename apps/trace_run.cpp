#include "trace_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "base/error.hpp"
#include "config/cluster.hpp"
#include "engine/device_spec.hpp"
#include "engine/run_setup.hpp"
#include "iteration/trace_files.hpp"
#include "trace_starts.hpp"

namespace lockstep {
namespace {

using Graphs = std::vector<std::shared_ptr<const NpuGraph>>;

DeviceSimulatorSpec spec_of(const TraceRunSettings& settings) {
  if (!settings.backend.network.empty()) {
    return read_backend(settings.backend);
  }
  if (settings.cluster_config.empty()) {
    throw UserError("neither a cluster file nor a network file is given",
                    {"", 0, "lockstep trace run"},
                    "add --cluster-config FILE, or --network FILE --system FILE --memory FILE");
  }
  RunOptions options;
  options.cluster_config = settings.cluster_config;
  if (!settings.model_dir.empty()) {
    options.model_dir = settings.model_dir;
  }
  const Cluster cluster = load_cluster(settings.cluster_config, options, search_paths(options));
  return device_spec(cluster, FidelityPolicy::reference());
}

void check_npus(const Graphs& graphs, std::int64_t num_npus, const TraceRunSettings& settings) {
  const auto check = [&](std::int64_t npu, const char* what) {
    if (npu >= num_npus) {
      throw UserError(fmt::format("{} NPU {}, and the network has {}", what, npu, num_npus),
                      {settings.path, 0, {}}, "give the network that the graphs were made for");
    }
  };
  for (const auto& graph : graphs) {
    check(graph->npu, "there is a graph of");
    for (const GraphNode& node : graph->nodes) {
      check(node.peer, "a message goes to or comes from");
    }
  }
}

/// The recorded order, unless the user says another; every graph must occur in it once.
std::optional<std::vector<NpuStart>> starts_for(const TraceRunSettings& settings,
                                                const Graphs& graphs) {
  auto starts = read_starts(settings.path);
  if (!starts || settings.together || !settings.late.empty()) {
    return std::nullopt;
  }
  const auto named = [&](std::int32_t npu) {
    return std::count_if(starts->begin(), starts->end(),
                         [npu](const NpuStart& start) { return start.npu == npu; });
  };
  for (const auto& graph : graphs) {
    if (named(graph->npu) != 1) {
      throw UserError(fmt::format("NPU {} begins {} times", graph->npu, named(graph->npu)),
                      {starts_file(settings.path).string(), 0, {}},
                      "name every NPU once, or remove the file: all but the last begin together "
                      "then");
    }
  }
  if (starts->size() != graphs.size()) {
    throw UserError(
        fmt::format("{} NPUs begin, and there are graphs of {}", starts->size(), graphs.size()),
        {starts_file(settings.path).string(), 0, {}},
        "give the graph files of all NPUs that are named");
  }
  return starts;
}

/// What begins one event after the others: what the user names, else the last NPU of several.
bool begins_late(const TraceRunSettings& settings, const Graphs& graphs, std::int32_t npu) {
  if (settings.together) {
    return false;
  }
  if (settings.late.empty()) {
    return graphs.size() > 1 && npu == graphs.back()->npu;
  }
  return std::find(settings.late.begin(), settings.late.end(), npu) != settings.late.end();
}

struct NpuOutcome {
  bool finished = false;
  Nanos finish;
  Nanos exposed;
};

class Execution {
public:
  Execution(DeviceSimulatorSpec spec, const Graphs& graphs)
      : device_(std::move(spec)), graphs_(graphs), outcomes_(graphs.size()) {}

  [[nodiscard]] std::int64_t num_npus() const { return device_.num_npus(); }

  std::vector<NpuOutcome> run(const TraceRunSettings& settings) {
    const auto start = [&](bool late) {
      bool any = false;
      // The first NPU of a run hands the program to its neighbours before it begins itself.
      for (std::size_t i = 1; i <= graphs_.size(); ++i) {
        const auto& graph = graphs_[i % graphs_.size()];
        if (begins_late(settings, graphs_, graph->npu) == late) {
          device_.start(graph);
          any = true;
        }
      }
      return any;
    };
    if (start(false)) {
      note(false);
      if (device_.busy()) {
        device_.step();
        note(false);
      }
    }
    start(true);
    note(true);
    while (device_.busy()) {
      device_.step();
      note(true);
    }
    return outcomes_;
  }

  /// As it was in the run that the graphs are from.
  std::vector<NpuOutcome> run(const std::vector<NpuStart>& starts) {
    begun_.assign(graphs_.size(), false);
    for (const NpuStart& start : starts) {  // something happens then, if only that time passes
      if (start.offset > Nanos{0} && device_.iteration(start.npu) < 0) {
        device_.start(std::make_shared<const NpuGraph>(event_graph(start.npu, start.offset)));
      }
    }
    for (std::size_t i = 0; i < starts.size(); ++i) {
      const bool new_turn = i > 0 && starts[i].turn != starts[i - 1].turn;
      if (new_turn && device_.busy()) {
        step();
      }
      while (device_.now() < starts[i].offset && device_.busy()) {
        step();
      }
      const std::size_t graph = graph_of(starts[i].npu);
      device_.start(graphs_[graph]);
      begun_[graph] = true;
      note_begun();
    }
    while (device_.busy()) {
      step();
    }
    return outcomes_;
  }

  [[nodiscard]] std::string waits() const { return device_.describe_waits(); }

private:
  void note(bool all_begun) {
    for (std::size_t i = 0; i < graphs_.size(); ++i) {
      const std::int32_t npu = graphs_[i]->npu;
      const bool begun = all_begun || device_.iteration(npu) >= 0;
      if (!outcomes_[i].finished && begun && device_.finished(npu)) {
        outcomes_[i] = {true, device_.now(), device_.exposed_communication(npu)};
      }
    }
  }

  void step() {
    device_.step();
    note_begun();
  }

  void note_begun() {
    for (std::size_t i = 0; i < graphs_.size(); ++i) {
      const std::int32_t npu = graphs_[i]->npu;
      if (begun_[i] && !outcomes_[i].finished && device_.finished(npu)) {
        outcomes_[i] = {true, device_.now(), device_.exposed_communication(npu)};
      }
    }
  }

  [[nodiscard]] std::size_t graph_of(std::int32_t npu) const {
    const auto found = std::find_if(graphs_.begin(), graphs_.end(),
                                    [npu](const auto& graph) { return graph->npu == npu; });
    return static_cast<std::size_t>(found - graphs_.begin());
  }

  DeviceSimulator device_;
  const Graphs& graphs_;
  std::vector<NpuOutcome> outcomes_;
  std::vector<bool> begun_;
};

}  // namespace

void run_trace(const TraceRunSettings& settings) {
  const Graphs graphs =
      read_graphs(settings.path, settings.context,
                  settings.schema == "upstream" ? ChakraSchema::upstream : ChakraSchema::with_pim);
  Execution execution(spec_of(settings), graphs);
  check_npus(graphs, execution.num_npus(), settings);
  const auto starts = starts_for(settings, graphs);
  const std::vector<NpuOutcome> outcomes =
      starts ? execution.run(*starts) : execution.run(settings);
  const bool stuck = std::any_of(outcomes.begin(), outcomes.end(),
                                 [](const NpuOutcome& outcome) { return !outcome.finished; });
  if (stuck) {
    throw UserError("the graphs cannot be finished\n" + execution.waits(), {settings.path, 0, {}},
                    "give the graphs of all NPUs that take part in the collectives and messages");
  }
  fmt::print("npu,finish_ns,exposed_communication_ns\n");
  for (std::size_t i = 0; i < graphs.size(); ++i) {
    fmt::print("{},{},{}\n", graphs[i]->npu, outcomes[i].finish.count(),
               outcomes[i].exposed.count());
  }
}

}  // namespace lockstep
