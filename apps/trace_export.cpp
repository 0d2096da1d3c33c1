#include "trace_export.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/run_seed.hpp"
#include "command_record.hpp"
#include "config/backend_files.hpp"
#include "engine/prepared_run.hpp"
#include "engine/program.hpp"
#include "engine/run_setup.hpp"
#include "iteration/chakra.hpp"
#include "iteration/trace_files.hpp"
#include "report/output_file.hpp"
#include "report/request_csv.hpp"
#include "trace_starts.hpp"

namespace lockstep {
namespace fs = std::filesystem;
namespace {

void write_file(const fs::path& file, std::string_view bytes) {
  OutputFile(file).commit(bytes);
}

/// When an NPU began and finished a batch.
struct Span {
  std::int32_t npu = 0;
  std::int64_t turn = 0;
  Nanos begin;
  Nanos end{-1};
};

struct ExportedBatch {
  std::int32_t instance = 0;
  std::int64_t batch = 0;
  std::int64_t tokens = 0;
  std::int64_t num_npus = 1;
  std::int32_t first_npu = 0;
  Nanos formed;
  fs::path trace;
  fs::path graphs;
  std::vector<Span> spans;
};

class Exporter final : public RunObserver {
public:
  Exporter(const Cluster& cluster, TraceExportSettings settings, const FidelityPolicy& policy)
      : cluster_(cluster), settings_(std::move(settings)), policy_(policy) {
    for (const Instance& instance : cluster.instances) {
      instance_of_npu_.insert(instance_of_npu_.end(), static_cast<std::size_t>(instance.width()),
                              instance.id);
    }
    place_of_npu_.resize(instance_of_npu_.size(), -1);
    std::int64_t place = 0;
    for (const Instance& instance : cluster.instances) {  // last NPUs are asked before first ones
      if (instance.width() > 1) {
        place_of_npu_[static_cast<std::size_t>(instance.end_npu())] = place++;
      }
    }
    for (const Instance& instance : cluster.instances) {
      place_of_npu_[static_cast<std::size_t>(instance.first_npu)] = place++;
    }
  }

  [[nodiscard]] bool wants_programs() const override { return true; }

  void on_program(const Batch& batch, const IterationTrace& trace,
                  const Program& /*program*/) override {
    const Instance& instance = cluster_.instances[static_cast<std::size_t>(batch.instance)];
    const IterationLabel label{instance.hardware, instance.model->name, instance.id, batch.id};
    const bool joins_wave = instance.dp_group && !is_first_member(instance);
    if (!joins_wave) {
      wanted_ = settings_.max_batches == 0 || std::ssize(batches_) < settings_.max_batches;
    }
    if (instance.dp_group && !joins_wave) {
      const DpGroup& group = cluster_.dp_groups[static_cast<std::size_t>(*instance.dp_group)];
      wave_folder_ = wave_folder(label, group.name);
    }
    if (!wanted_) {
      return;
    }
    ExportedBatch exported{instance.id,
                           batch.id,
                           batch.total_len,
                           instance.num_npus,
                           instance.first_npu,
                           batch.batch_time,
                           trace_path(label),
                           {},
                           {}};
    exported.graphs = instance.dp_group ? wave_folder_ : graph_folder(label);
    const fs::path root = settings_.folder;
    write_trace_file(root / exported.trace, trace);
    write_graph_files(root / exported.graphs, trace,
                      {instance.num_npus, instance.first_npu, instance.enable_local_offloading,
                       !policy_.experts_overlap_dispatch, !policy_.pim_breaks_the_chain});
    index_[{instance.id, batch.id}] = batches_.size();
    batches_.push_back(std::move(exported));
  }

  void on_poll(std::int32_t npu, std::int64_t iteration, Nanos now, PollAnswer answer) override {
    const std::int64_t place = place_of_npu_[static_cast<std::size_t>(npu)];
    if (place <= last_place_ || now != last_poll_) {
      ++turn_;
    }
    last_place_ = place;
    last_poll_ = now;
    // Iteration 0 is the opening event, so batch b is iteration b + 1.
    if (ExportedBatch* done = find(npu, iteration - 1)) {
      for (Span& span : done->spans) {
        if (span.npu == npu && span.end < Nanos{0}) {
          span.end = now;
        }
      }
    }
    if (answer == PollAnswer::program) {
      if (ExportedBatch* started = find(npu, iteration)) {
        started->spans.push_back({npu, turn_, now});
      }
    }
  }

  void write_index() const {
    std::string text = "instance,batch,tokens,formed_ns,num_npus,first_npu,trace,graphs,times\n";
    for (const ExportedBatch& batch : batches_) {
      text += fmt::format("{},{},{},{},{},{},{},{},", batch.instance, batch.batch, batch.tokens,
                          batch.formed.count(), batch.num_npus, batch.first_npu,
                          batch.trace.string(), batch.graphs.string());
      for (std::size_t i = 0; i < batch.spans.size(); ++i) {
        const Span& span = batch.spans[i];
        text += fmt::format("{}{}:{}-{}", i == 0 ? "" : " ", span.npu, span.begin.count(),
                            span.end.count());
      }
      text += "\n";
    }
    write_file(fs::path(settings_.folder) / "batches.csv", text);
  }

  /// Beside the graphs of every iteration: in which order its NPUs began.
  void write_starts() const {
    std::map<fs::path, std::vector<Start>> folders;
    for (const ExportedBatch& batch : batches_) {
      for (const Span& span : batch.spans) {
        add_starts(cluster_.instances[static_cast<std::size_t>(batch.instance)], span,
                   folders[batch.graphs]);
      }
    }
    for (auto& [folder, starts] : folders) {
      std::stable_sort(starts.begin(), starts.end(), [](const Start& a, const Start& b) {
        return std::pair(a.start.turn, a.place) < std::pair(b.start.turn, b.place);
      });
      std::vector<NpuStart> rows;
      for (const Start& each : starts) {
        rows.push_back({each.start.turn - starts.front().start.turn,
                        each.start.offset - starts.front().start.offset, each.start.npu});
      }
      write_file(starts_file(fs::path(settings_.folder) / folder), starts_text(rows));
    }
  }

  [[nodiscard]] std::size_t num_batches() const { return batches_.size(); }

private:
  [[nodiscard]] bool is_first_member(const Instance& instance) const {
    const auto group = static_cast<std::size_t>(*instance.dp_group);
    return cluster_.dp_groups[group].members.front() == instance.id;
  }

  struct Start {
    NpuStart start;  ///< turn and time of the run
    std::int64_t place = 0;
  };

  /// The first NPU of an instance hands the program on to those between it and the last one, and
  /// begins after them.
  void add_starts(const Instance& instance, const Span& span, std::vector<Start>& out) const {
    const std::int64_t place = place_of_npu_[static_cast<std::size_t>(span.npu)];
    if (span.npu == instance.first_npu) {
      for (std::int32_t npu = span.npu + 1; npu < instance.end_npu(); ++npu) {
        out.push_back({{span.turn, span.begin, npu}, place});
      }
    }
    out.push_back({{span.turn, span.begin, span.npu}, place});
  }

  [[nodiscard]] ExportedBatch* find(std::int32_t npu, std::int64_t batch) {
    const auto found = index_.find({instance_of_npu_[static_cast<std::size_t>(npu)], batch});
    return found == index_.end() ? nullptr : &batches_[found->second];
  }

  const Cluster& cluster_;
  TraceExportSettings settings_;
  FidelityPolicy policy_;
  std::vector<std::int32_t> instance_of_npu_;
  std::vector<std::int64_t> place_of_npu_;  ///< in the order of asking; -1: never asked
  std::int64_t turn_ = 0;
  std::int64_t last_place_ = -1;
  Nanos last_poll_{-1};
  std::vector<ExportedBatch> batches_;
  std::map<std::pair<std::int32_t, std::int64_t>, std::size_t> index_;
  bool wanted_ = true;
  fs::path wave_folder_;
};

void write_cluster_files(const fs::path& folder, const Cluster& cluster) {
  write_file(folder / "network.yml", network_yml(cluster));
  write_file(folder / "system.json", system_json(cluster));
  write_file(folder / "memory_expansion.json", memory_expansion_json(cluster));
}

/// The opening event: every NPU rests until the first arrival or the first heartbeat.
void write_event(const fs::path& folder, const RunSetup& setup, const RunOptions& options) {
  Nanos alarm{static_cast<std::int64_t>(options.log_interval * 1e9)};
  if (setup.workload) {
    for (const WorkloadRequest& request : setup.workload->requests) {
      alarm = std::min(alarm, request.arrival);
    }
  }
  write_file(folder / "trace" / "event_handler.txt", event_trace_text(alarm));
  for (std::int64_t npu = 0; npu < setup.cluster.total_npus(); ++npu) {
    write_file(folder / "workload" / "event_handler" / fmt::format("llm.{}.et", npu),
               write_chakra(event_graph(static_cast<std::int32_t>(npu), alarm)));
  }
}

}  // namespace

void export_traces(const TraceExportSettings& settings, const ParsedFlags& flags) {
  const RunOptions& options = flags.options;
  std::optional<OutputFile> output;
  if (options.output) {
    output.emplace(with_run_id(*options.output, options.run_id.value_or("export")));
  }
  const RunSetup setup = load_run(options);
  KernelTimeLibrary library(setup.perf);
  Exporter exporter(setup.cluster, settings, FidelityPolicy::for_mode(options.fidelity));
  PreparedRun prepared(flags, setup.cluster, setup.workload ? &*setup.workload : nullptr, library,
                       exporter);
  const std::vector<std::string> warnings = prepared.warnings();
  for (const std::string& warning : warnings) {
    fmt::print(stderr, "warning: {}\n", warning);
  }
  write_cluster_files(settings.folder, setup.cluster);
  write_event(settings.folder, setup, options);
  const RunResult result = prepared.simulation().run();
  exporter.write_index();
  exporter.write_starts();
  const fs::path folder = settings.folder;  // perhaps with a slash at its end
  const CommandRecord::Facts facts{
      .fidelity = options.fidelity == Fidelity::reference ? "reference" : "vllm", .seed = kRunSeed};
  CommandRecord::write_to(provenance_file(folder.has_filename() ? folder : folder.parent_path()),
                          facts);
  if (output) {
    output->commit(request_csv(result, setup.cluster));
    CommandRecord::write_beside(output->path(), facts);
  }
  if (!warnings.empty()) {
    fmt::print(stderr, "{} warning{}: --strict makes {}\n", warnings.size(),
               warnings.size() == 1 ? "" : "s",
               warnings.size() == 1 ? "it an error" : "them errors");
  }
  fmt::print("wrote {}: {} of {} batches, {} requests, {} ns\n", settings.folder,
             exporter.num_batches(), result.steps, result.requests, result.total_clocks.count());
}

}  // namespace lockstep
