// The command line: finds the subcommand, turns failures into a message and an exit code.

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/memory_limit.hpp"
#include "bench_import_command.hpp"
#include "calibrate_command.hpp"
#include "capacity_command.hpp"
#include "check_command.hpp"
#include "closed_loop_command.hpp"
#include "command_record.hpp"
#include "command_tree.hpp"
#include "explain_command.hpp"
#include "export_command.hpp"
#include "hardware_command.hpp"
#include "init_command.hpp"
#include "models_command.hpp"
#include "perf_command.hpp"
#include "plan_command.hpp"
#include "report_command.hpp"
#include "rerun_command.hpp"
#include "run_command.hpp"
#include "serve_command.hpp"
#include "shell_command.hpp"
#include "step_command.hpp"
#include "support_command.hpp"
#include "sweep_command.hpp"
#include "trace_command.hpp"
#include "validate_command.hpp"
#include "workload_command.hpp"

namespace lockstep {
namespace {

int dispatch(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (asks_for_closed_loop(args)) {
    return closed_loop_command(args);
  }
  // `run` keeps the flag grammar that existing scripts rely on, so it reads its own arguments.
  if (!args.empty() && args.front() == "run") {
    const char* called = std::getenv("LOCKSTEP_PROG");
    return run_command(std::span(args).subspan(1), called != nullptr ? called : "lockstep run");
  }
  const CommandRecord record(args);
  CLI::App app{"Lockstep: what vLLM on a cluster would have done, request by request."};
  app.set_version_flag("--version", LOCKSTEP_VERSION);
  app.require_subcommand(1);
  app.add_subcommand("run", "simulate a workload on a cluster (lockstep run --help)");
  int exit_code = 0;
  add_workload_command(app, exit_code);
  add_trace_command(app, exit_code);
  add_capacity_command(app, exit_code);
  add_perf_command(app, exit_code);
  add_models_command(app, exit_code);
  add_step_command(app, exit_code);
  add_plan_command(app, exit_code);
  add_sweep_command(app, exit_code);
  add_support_command(app, exit_code);
  add_validate_command(app, exit_code);
  add_calibrate_command(app, exit_code);
  add_explain_command(app, exit_code);
  add_bench_import_command(app, exit_code);
  add_report_command(app, exit_code);
  add_rerun_command(app, exit_code);
  add_check_command(app, exit_code);
  add_export_command(app, exit_code);
  add_hardware_command(app, exit_code);
  add_init_command(app, exit_code);
  add_serve_command(app, exit_code);
  add_shell_commands(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool asked = error.get_exit_code() == 0;  // --help and --version
    app.exit(error);
    if (const std::string hint = asked ? "" : command_hint(command_tree(app), args);
        !hint.empty()) {
      std::fprintf(stderr, "%s\n", hint.c_str() + 2);  // without its semicolon
    }
    return static_cast<int>(asked ? ExitCode::ok : ExitCode::user_error);
  }
  return exit_code;
}

/// Text that nobody got is no success.
int with_output_checked(int exit_code) {
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) {
    return exit_code;
  }
  std::fprintf(
      stderr,
      "error: the standard output could not be written%s%s\n  fix: send it to a place with "
      "room, or give --quiet\n",
      errno == 0 ? "" : ": ", errno == 0 ? "" : std::strerror(errno));
  return static_cast<int>(ExitCode::user_error);
}

int out_of_memory() {
  std::fflush(stdout);
  if (const auto limit = memory_limit()) {
    std::fprintf(
        stderr,
        "error: this needs more memory than the budget of %lld bytes\n  at:  --max-memory\n"
        "  fix: raise the budget, or make the workload or the cluster smaller\n",
        static_cast<long long>(*limit));
  } else {
    std::fputs(
        "error: there is not enough memory\n  fix: make the workload or the cluster smaller, or "
        "use a machine with more memory\n",
        stderr);
  }
  return static_cast<int>(ExitCode::user_error);
}

}  // namespace
}  // namespace lockstep

int main(int argc, char** argv) {
  using lockstep::ExitCode;
  try {
    return lockstep::with_output_checked(lockstep::dispatch(argc, argv));
  } catch (const std::bad_alloc&) {
    return lockstep::out_of_memory();
  } catch (const lockstep::UserError& error) {
    std::fflush(stdout);
    std::fprintf(stderr, "error: %s\n", error.what());
    return static_cast<int>(ExitCode::user_error);
  } catch (const std::exception& error) {
    std::fflush(stdout);
    std::fprintf(stderr,
                 "internal error: %s\nThis is a defect of lockstep; please report it with the "
                 "command line and its input files.\n",
                 error.what());
    return static_cast<int>(ExitCode::internal);
  }
}
