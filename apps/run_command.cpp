#include "run_command.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <optional>
#include <utility>
#include <variant>

#include "base/build_commit.hpp"
#include "base/error.hpp"
#include "base/memory_limit.hpp"
#include "base/read_log.hpp"
#include "base/run_seed.hpp"
#include "config/absolute_arguments.hpp"
#include "config/run_flags.hpp"
#include "engine/prepared_run.hpp"
#include "engine/run_setup.hpp"
#include "generated_dataset.hpp"
#include "report/console_reporter.hpp"
#include "report/observer_fan.hpp"
#include "report/progress_bar.hpp"
#include "report/provenance.hpp"
#include "report/request_csv.hpp"
#include "report/result_stream.hpp"
#include "report/run_id.hpp"
#include "report/run_json.hpp"
#include "report/run_record_from.hpp"
#include "report/run_recorder.hpp"
#include "report/sparkline.hpp"
#include "report/trace_writer.hpp"
#include "run_outputs.hpp"
#include "stop_signal.hpp"

namespace lockstep {
namespace {

std::int64_t number_of_requests(const RunSetup& setup) {
  constexpr std::size_t kBuiltIn = 16;  // an instance
  if (setup.streamed) {
    return setup.streamed->survey.requests;
  }
  return static_cast<std::int64_t>(setup.workload ? setup.workload->requests.size()
                                                  : kBuiltIn * setup.cluster.instances.size());
}

void log_warnings(ConsoleReporter& reporter, std::string_view component,
                  const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) {
    reporter.on_log({LogSeverity::warning, component, -1, -1, warning});
  }
}

/// All requests are needed at the end, or on the way: in files other than the result file, or for
/// the plain way of simulating.
bool keeps_requests(const ParsedFlags& flags, const RunOutputs& outputs) {
  return !flags.options.fold_layers || outputs.recorded() || outputs.trace ||
         (outputs.csv && !outputs.csv->is_file());
}

/// At a terminal a glance at the requests ends the run; of very many there is none.
RunSetup load_setup(const ParsedFlags& flags, const RunOutputs& outputs, const Terminal& terminal) {
  constexpr std::int64_t kVeryMany = 1'000'000;
  InlineInputs inputs;
  inputs.recipe = generated_dataset(flags.options);
  inputs.stream = !keeps_requests(flags, outputs);
  RunSetup setup = load_run(flags.options, inputs);
  const bool glances = terminal.interactive && !flags.outputs.quiet;
  if (glances && setup.streamed && setup.streamed->survey.requests < kVeryMany) {
    inputs.stream = false;
    setup = load_run(flags.options, inputs);
  }
  return setup;
}

RequestsOfRun requests_of(const RunSetup& setup) {
  if (setup.streamed) {
    return *setup.streamed;
  }
  return setup.workload ? &*setup.workload : nullptr;
}

/// One run from its files to its outputs: open(), simulate(), save(), close().
class Run {
public:
  /// `args` are kept in the run file, so that it can be made again.
  Run(const ParsedFlags& flags, std::span<const std::string> args)
      : options_(flags.options),
        args_(args),
        shown_(flags.outputs),
        id_(run_id_of(flags.options)),
        outputs_(flags, id_),
        terminal_(detect_terminal(stdout)),
        setup_(load_setup(flags, outputs_, terminal_)),
        library_(setup_.perf),
        reporter_(options_, setup_.cluster,
                  {shown_.json ? stderr : stdout, terminal_, shown_.quiet || shown_.json}),
        bar_(stdout, shown_.quiet || shown_.json ? Terminal{} : terminal_,
             number_of_requests(setup_)),
        recorder_(setup_.cluster) {
    static_cast<void>(heed_stop_signals());  // before the first file is begun
    observers_.add(bar_);
    observers_.add(reporter_);
    if (outputs_.recorded()) {
      observers_.add(recorder_);
    }
    if (outputs_.trace) {
      trace_.emplace(outputs_.trace->path(), setup_.cluster);
      observers_.add(*trace_);
    }
    prepared_.emplace(flags, setup_.cluster, requests_of(setup_), library_, observers_);
    if (setup_.streamed) {
      stream_.emplace(setup_.cluster,
                      outputs_.csv ? std::optional(outputs_.csv->path()) : std::nullopt);
      observers_.add(*stream_);
    }
    if (outputs_.any()) {
      provenance_ = make_provenance();
    }
  }

  void open();
  void simulate();
  void save();
  void close();

private:
  [[nodiscard]] bool glances() const {
    return terminal_.interactive && !shown_.quiet && !shown_.json && !stream_;
  }
  [[nodiscard]] RunRecord make_record();
  [[nodiscard]] Provenance make_provenance();

  const RunOptions& options_;
  std::span<const std::string> args_;
  const OutputOptions& shown_;
  std::string id_;
  RunOutputs outputs_;
  ReadLog read_;
  Terminal terminal_;
  RunSetup setup_;
  KernelTimeLibrary library_;
  ConsoleReporter reporter_;
  ProgressBar bar_;
  RunRecorder recorder_;
  ObserverFan observers_;
  std::optional<TraceWriter> trace_;
  std::optional<ResultStream> stream_;
  std::optional<PreparedRun> prepared_;
  RunResult result_;
  std::chrono::duration<double> wall_{0};
  RunRecord record_;
  Provenance provenance_;
  bool partial_ = false;
};

void Run::open() {
  Simulation& simulation = prepared_->simulation();
  reporter_.opening(LOCKSTEP_VERSION, id_, simulation.kernel_time_sources());
  log_warnings(reporter_, "Main", prepared_->ineffective());
  log_warnings(reporter_, "Main", simulation.warnings());
  reporter_.kv_initialization(simulation.kv_capacity());
  simulation.announce_workload();
}

void Run::simulate() {
  reporter_.start();
  const auto begin = std::chrono::steady_clock::now();
  Simulation& simulation = prepared_->simulation();
  const std::atomic<bool>& stop = heed_stop_signals();
  while (!stop && simulation.advance()) {
  }
  partial_ = stop && simulation.advance();
  result_ = simulation.finish();
  if (partial_) {
    result_.leaks.clear();  // what was in flight
    result_.all_exited = false;
    outputs_.become_partial();
  }
  wall_ = std::chrono::steady_clock::now() - begin;
  bar_.clear();
}

RunRecord Run::make_record() {
  const auto& capacity = prepared_->simulation().kv_capacity();
  RunRecord record = record_of(result_, setup_.cluster, options_, capacity);
  recorder_.finish(capacity, record);
  record.total_steps = result_.steps;
  record.version = LOCKSTEP_VERSION;
  record.run_id = id_;
  record.arguments.assign(args_.begin(), args_.end());
  record.wall_seconds = wall_.count();
  record.warnings = prepared_->warnings();
  record.partial = partial_;
  record.provenance = provenance_;
  return record;
}

Provenance Run::make_provenance() {
  Provenance provenance = provenance_here(read_);
  provenance.version = LOCKSTEP_VERSION;
  provenance.commit = build_commit();
  provenance.fidelity = options_.fidelity == Fidelity::reference ? "reference" : "vllm";
  provenance.seed = kRunSeed;
  provenance.kernel_time_sources = prepared_->simulation().kernel_time_sources();
  provenance.command = absolute_arguments(args_);
  provenance.command.insert(provenance.command.begin(), "run");
  return provenance;
}

void Run::save() {
  provenance_.partial = partial_;
  if (stream_) {
    outputs_.commit_result(stream_->rows(), provenance_);
  } else if (outputs_.any()) {
    outputs_.commit_result(request_csv(result_, setup_.cluster), provenance_);
  }
  if (trace_) {
    trace_->commit(provenance_);
  }
  if (outputs_.recorded() || glances()) {
    record_ = make_record();
    outputs_.commit_record(record_);
  }
}

void Run::close() {
  reporter_.exiting(result_);
  reporter_.results(result_, wall_.count(), stream_ ? &stream_->latencies() : nullptr);
  if (glances()) {
    reporter_.extra(glance(record_, Painter(terminal_)));
  }
  const auto place = [&](const OutputFile& file, const std::optional<std::string>& name) {
    return partial_ ? file.path().string() : *name;
  };
  if (outputs_.csv) {
    reporter_.saving(place(*outputs_.csv, options_.output));
  }
  const auto saved = [&](const std::optional<OutputFile>& file, std::string_view what,
                         const std::optional<std::string>& name) {
    if (file) {
      reporter_.extra(fmt::format("Saving the {} to: {}\n", what, place(*file, name)));
    }
  };
  saved(outputs_.run_file, "run", shown_.save_run);
  saved(outputs_.trace, "trace", shown_.trace);
  saved(outputs_.report, "report", shown_.report);
  reporter_.count_warnings();
  if (partial_) {
    reporter_.on_log({LogSeverity::error, "Main", -1, -1,
                      fmt::format("the run was stopped at {} ns: {} requests were done, what is "
                                  "written is partial",
                                  result_.total_clocks.count(), result_.requests)});
  }
  reporter_.flush();
  if (shown_.json) {
    std::fputs(summary_text(record_).c_str(), stdout);
  }
}

}  // namespace

int run_command(std::span<const std::string> args, std::string_view program) {
  const RunFlags flags = parse_run_flags(args, program);
  if (const auto* help = std::get_if<HelpText>(&flags)) {
    std::fputs(help->text.c_str(), stdout);
    return static_cast<int>(ExitCode::ok);
  }
  if (const auto* usage = std::get_if<UsageError>(&flags)) {
    std::fputs(usage->text.c_str(), stderr);
    return static_cast<int>(ExitCode::user_error);
  }
  if (const auto& budget = std::get<ParsedFlags>(flags).outputs.max_memory) {
    limit_memory(*budget);
  }
  Run run(std::get<ParsedFlags>(flags), args);
  run.open();
  run.simulate();
  run.save();
  run.close();
  return stop_exit_code();
}

}  // namespace lockstep
