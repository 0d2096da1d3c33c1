#include "run_command.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <optional>
#include <utility>
#include <variant>

#include "base/error.hpp"
#include "config/run_flags.hpp"
#include "engine/prepared_run.hpp"
#include "engine/run_setup.hpp"
#include "report/console_reporter.hpp"
#include "report/html_report.hpp"
#include "report/observer_fan.hpp"
#include "report/output_file.hpp"
#include "report/progress_bar.hpp"
#include "report/request_csv.hpp"
#include "report/run_id.hpp"
#include "report/run_json.hpp"
#include "report/run_record_from.hpp"
#include "report/run_recorder.hpp"
#include "report/sparkline.hpp"
#include "report/trace_writer.hpp"

namespace lockstep {
namespace {

std::int64_t number_of_requests(const RunSetup& setup) {
  constexpr std::size_t kBuiltIn = 16;  // an instance
  return static_cast<std::int64_t>(setup.workload ? setup.workload->requests.size()
                                                  : kBuiltIn * setup.cluster.instances.size());
}

void log_warnings(ConsoleReporter& reporter, std::string_view component,
                  const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) {
    reporter.on_log({LogSeverity::warning, component, -1, -1, warning});
  }
}

/// What is written beside the result file. The places are checked before the run.
struct Outputs {
  Outputs(const ParsedFlags& flags, const std::string& id) : json(flags.outputs.json) {
    const auto open = [&](const std::optional<std::string>& path, std::optional<OutputFile>& file) {
      if (path) {
        file.emplace(with_run_id(*path, id));
      }
    };
    open(flags.options.output, csv);
    open(flags.outputs.save_run, run_file);
    open(flags.outputs.report, report);
    open(flags.outputs.trace, trace);
  }
  bool json;
  std::optional<OutputFile> csv, run_file, report, trace;

  /// Steps and series are recorded.
  [[nodiscard]] bool recorded() const { return run_file || report || json; }
  void commit(const RunRecord& record) const {
    if (run_file) {
      run_file->commit(run_file_text(record));
    }
    if (report) {
      report->commit(report_html(record));
    }
  }
};

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
        setup_(load_run(flags.options)),
        library_(setup_.perf),
        terminal_(detect_terminal(stdout)),
        reporter_(options_, setup_.cluster,
                  {shown_.json ? stderr : stdout, terminal_, shown_.quiet || shown_.json}),
        bar_(stdout, shown_.quiet || shown_.json ? Terminal{} : terminal_,
             number_of_requests(setup_)),
        recorder_(setup_.cluster) {
    observers_.add(bar_);
    observers_.add(reporter_);
    if (outputs_.recorded()) {
      observers_.add(recorder_);
    }
    if (outputs_.trace) {
      trace_.emplace(outputs_.trace->path(), setup_.cluster);
      observers_.add(*trace_);
    }
    prepared_.emplace(flags, setup_.cluster, setup_.workload ? &*setup_.workload : nullptr,
                      library_, observers_);
  }

  void open();
  void simulate();
  void save();
  void close();

private:
  [[nodiscard]] bool glances() const {
    return terminal_.interactive && !shown_.quiet && !shown_.json;
  }
  [[nodiscard]] RunRecord make_record();

  const RunOptions& options_;
  std::span<const std::string> args_;
  const OutputOptions& shown_;
  std::string id_;
  Outputs outputs_;
  RunSetup setup_;
  KernelTimeLibrary library_;
  Terminal terminal_;
  ConsoleReporter reporter_;
  ProgressBar bar_;
  RunRecorder recorder_;
  ObserverFan observers_;
  std::optional<TraceWriter> trace_;
  std::optional<PreparedRun> prepared_;
  RunResult result_;
  std::chrono::duration<double> wall_{0};
  RunRecord record_;
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
  result_ = prepared_->simulation().run();
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
  return record;
}

void Run::save() {
  if (outputs_.csv) {
    outputs_.csv->commit(request_csv(result_, setup_.cluster));
  }
  if (trace_) {
    trace_->commit();
  }
  if (outputs_.recorded() || glances()) {
    record_ = make_record();
    outputs_.commit(record_);
  }
}

void Run::close() {
  reporter_.exiting(result_);
  reporter_.results(result_, wall_.count());
  if (glances()) {
    reporter_.extra(glance(record_, Painter(terminal_)));
  }
  if (outputs_.csv) {
    reporter_.saving(*options_.output);
  }
  const auto saved = [&](const std::optional<OutputFile>& file, std::string_view what,
                         const std::optional<std::string>& name) {
    if (file) {
      reporter_.extra(fmt::format("Saving the {} to: {}\n", what, *name));
    }
  };
  saved(outputs_.run_file, "run", shown_.save_run);
  saved(outputs_.trace, "trace", shown_.trace);
  saved(outputs_.report, "report", shown_.report);
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
  Run run(std::get<ParsedFlags>(flags), args);
  run.open();
  run.simulate();
  run.save();
  run.close();
  return static_cast<int>(ExitCode::ok);
}

}  // namespace lockstep
