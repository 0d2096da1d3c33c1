#include "run_command.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
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
#include "report/output_file.hpp"
#include "report/request_csv.hpp"

namespace lockstep {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const auto first = text.find_first_not_of(kBlanks);
  return first == std::string_view::npos
             ? std::string_view{}
             : text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

/// The name of the run in its outputs: as given, else from the clock and the process.
std::string run_id(const RunOptions& options) {
  const std::string given(trimmed(options.run_id.value_or("")));
  if (given.empty()) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return fmt::format(
        "run_{}_{}", std::chrono::duration_cast<std::chrono::microseconds>(now).count(), getpid());
  }
  const bool plain = std::all_of(given.begin(), given.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
  });
  if (!plain || given == "." || given == "..") {
    throw UserError("run_id may contain only letters, numbers, '.', '_', and '-'.",
                    {"", 0, "--run-id"}, "give another --run-id, or none");
  }
  return given;
}

void log_warnings(ConsoleReporter& reporter, std::string_view component,
                  const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) {
    reporter.on_log({LogSeverity::warning, component, -1, -1, warning});
  }
}

void simulate(const ParsedFlags& flags) {
  const RunOptions& options = flags.options;
  const std::string id = run_id(options);
  std::optional<OutputFile> output;
  if (options.output) {
    output.emplace(with_run_id(*options.output, id));
  }
  const RunSetup setup = load_run(options);
  KernelTimeLibrary library(setup.perf);
  ConsoleReporter reporter(options, setup.cluster, {stdout, detect_terminal(stdout)});
  PreparedRun run(flags, setup.cluster, setup.workload ? &*setup.workload : nullptr, library,
                  reporter);
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
  if (output) {
    output->commit(request_csv(result, setup.cluster));
  }
  reporter.exiting(result);
  reporter.results(result, wall.count());
  if (output) {
    reporter.saving(*options.output);
  }
  reporter.flush();
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
  simulate(std::get<ParsedFlags>(flags));
  return static_cast<int>(ExitCode::ok);
}

}  // namespace lockstep
