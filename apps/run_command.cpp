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
      report->commit(report_html({run_file_text(record)}));
    }
  }
};

void simulate(const ParsedFlags& flags, std::span<const std::string> args) {
  const RunOptions& options = flags.options;
  const std::string id = run_id_of(options);
  const OutputOptions& shown = flags.outputs;
  const Outputs outputs(flags, id);
  const RunSetup setup = load_run(options);
  KernelTimeLibrary library(setup.perf);
  const Terminal terminal = detect_terminal(stdout);
  ConsoleReporter reporter(options, setup.cluster,
                           {shown.json ? stderr : stdout, terminal, shown.quiet || shown.json});
  ProgressBar bar(stdout, shown.quiet || shown.json ? Terminal{} : terminal,
                  number_of_requests(setup));
  RunRecorder recorder(setup.cluster);
  ObserverFan observers;
  observers.add(bar);
  observers.add(reporter);
  if (outputs.recorded()) {
    observers.add(recorder);
  }
  std::optional<TraceWriter> trace;
  if (outputs.trace) {
    trace.emplace(outputs.trace->path(), setup.cluster);
    observers.add(*trace);
  }
  PreparedRun run(flags, setup.cluster, setup.workload ? &*setup.workload : nullptr, library,
                  observers);
  Simulation& simulation = run.simulation();
  reporter.opening(LOCKSTEP_VERSION, id, simulation.kernel_time_sources());
  log_warnings(reporter, "Main", run.ineffective());
  log_warnings(reporter, "Main", simulation.warnings());
  reporter.kv_initialization(simulation.kv_capacity());
  simulation.announce_workload();
  reporter.start();
  const auto begin = std::chrono::steady_clock::now();
  const RunResult result = simulation.run();
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  bar.clear();
  if (outputs.csv) {
    outputs.csv->commit(request_csv(result, setup.cluster));
  }
  if (trace) {
    trace->commit();
  }
  const bool glances = terminal.interactive && !shown.quiet && !shown.json;
  RunRecord record;
  if (outputs.recorded() || glances) {
    record = record_of(result, setup.cluster, options, simulation.kv_capacity());
    recorder.finish(simulation.kv_capacity(), record);
    record.total_steps = result.steps;
    record.version = LOCKSTEP_VERSION;
    record.run_id = id;
    record.arguments.assign(args.begin(), args.end());
    record.wall_seconds = wall.count();
    for (const auto* warnings :
         {&setup.cluster.warnings, &run.ineffective(), &simulation.warnings()}) {
      record.warnings.insert(record.warnings.end(), warnings->begin(), warnings->end());
    }
    outputs.commit(record);
  }
  reporter.exiting(result);
  reporter.results(result, wall.count());
  if (glances) {
    reporter.extra(glance(record, Painter(terminal)));
  }
  if (outputs.csv) {
    reporter.saving(*options.output);
  }
  if (outputs.run_file) {
    reporter.extra(fmt::format("Saving the run to: {}\n", *shown.save_run));
  }
  if (outputs.trace) {
    reporter.extra(fmt::format("Saving the trace to: {}\n", *shown.trace));
  }
  if (outputs.report) {
    reporter.extra(fmt::format("Saving the report to: {}\n", *shown.report));
  }
  reporter.flush();
  if (shown.json) {
    std::fputs(summary_text(record).c_str(), stdout);
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
  simulate(std::get<ParsedFlags>(flags), args);
  return static_cast<int>(ExitCode::ok);
}

}  // namespace lockstep
