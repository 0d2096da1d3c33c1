#include "sweep_command.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "base/run_seed.hpp"
#include "command_record.hpp"
#include "memory_budget.hpp"
#include "report/terminal.hpp"
#include "stop_signal.hpp"
#include "sweep/slurm_script.hpp"
#include "sweep/sweep.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

constexpr int kInterrupted = 130;

struct SweepFlags {
  SweepOptions options;
  std::string spec;
  std::string share;
  std::int64_t slurm_array = 0;
  bool quiet = false;
  std::vector<std::string> files;
  bool partial = false;
};

void print_report(const SweepReport& report) {
  fmt::print("{} configurations: {} simulated now, {} there before, {} failed\n", report.configs,
             report.simulated, report.before, report.failed);
  fmt::print("{}{}{}\n", report.store.string(), report.csv.empty() ? "" : " ", report.csv.string());
}

void write_slurm_script(const SweepFlags& flags) {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  const std::string output = sweep_output(flags.options);
  const std::string file = output + ".sbatch";
  AtomicFile script(file);
  script.write(slurm_script({flags.slurm_array, error ? "lockstep" : program.string(), flags.spec,
                             output, flags.options.strict}));
  script.commit();
  fmt::print("wrote {}: submit it with sbatch {}\n", file, file);
}

int sweep(SweepFlags& flags) {
  SweepOptions& options = flags.options;
  options.spec = flags.spec;
  options.version = LOCKSTEP_VERSION;
  if (flags.slurm_array > 0) {
    static_cast<void>(SweepSpec::read(options.spec, options.strict));
    write_slurm_script(flags);
    return static_cast<int>(ExitCode::ok);
  }
  if (!flags.share.empty()) {
    options.share = parse_share(flags.share, "--share");
  }
  options.progress = flags.quiet ? nullptr : stderr;
  options.interactive = detect_terminal(stderr).interactive;
  options.stop = &heed_stop_signals();
  const SweepReport report = run_sweep(options);
  if (!report.manager) {
    return static_cast<int>(ExitCode::ok);
  }
  if (!report.csv.empty()) {
    CommandRecord::write_beside(report.csv, {.fidelity = {}, .seed = kRunSeed});
  }
  print_report(report);
  if (report.missing > 0) {
    fmt::print(stderr, "interrupted with {} left: the same command goes on from here\n",
               report.missing);
    const int stopped = stop_exit_code();
    return stopped != 0 ? stopped : kInterrupted;
  }
  return static_cast<int>(ExitCode::ok);
}

void add_strict(CLI::App& command, SweepFlags& flags) {
  command.add_flag("--strict", flags.options.strict,
                   "configurations fail of which a run would only warn");
}

void add_merge(CLI::App& parent, int& exit_code) {
  auto flags = std::make_shared<SweepFlags>();
  CLI::App* command = parent.add_subcommand("merge", "put the results of shares together");
  command->add_option("SPEC", flags->spec, "spec file of the sweep")->required();
  command->add_option("FILE", flags->files, "stores of shares (default: all beside the output)");
  command->add_option("--output", flags->options.output,
                      "results without suffix (default: outputs/<name of SPEC>)");
  add_strict(*command, *flags);
  command->add_flag("--partial", flags->partial, "write the CSV although rows are missing");
  command->callback([flags, &exit_code] {
    flags->options.spec = flags->spec;
    flags->options.version = LOCKSTEP_VERSION;
    const std::vector<fs::path> files(flags->files.begin(), flags->files.end());
    const SweepReport report = merge_sweep(flags->options, files, flags->partial);
    CommandRecord::write_beside(report.csv,
                                {.fidelity = {}, .seed = kRunSeed, .partial = report.missing > 0});
    fmt::print("{} configurations: {} failed, {} missing\n{} {}\n", report.configs, report.failed,
               report.missing, report.store.string(), report.csv.string());
    exit_code = static_cast<int>(ExitCode::ok);
  });
}

}  // namespace

CLI::App* add_sweep_command(CLI::App& root, int& exit_code) {
  auto flags = std::make_shared<SweepFlags>();
  CLI::App* command =
      root.add_subcommand("sweep", "simulate many configurations on all cores (docs/sweep.md)");
  command->add_option("SPEC", flags->spec, "spec file (YAML)");
  command->add_option("--output", flags->options.output,
                      "results without suffix (default: outputs/<name of SPEC>)");
  command->add_option("--jobs", flags->options.jobs, "simulations at once (default: all cores)")
      ->check(CLI::Range(1, 4096));
  command->add_option("--share", flags->share, "I/N: only every N-th configuration, from the I-th");
  command
      ->add_option("--slurm-array", flags->slurm_array,
                   "write a job array of N shares for sbatch, and simulate nothing")
      ->check(CLI::Range(1, 1'000'000));
  command->add_flag("--restart", flags->options.restart, "forget earlier results");
  command->add_flag("--retry-failed", flags->options.retry_failed,
                    "simulate failed configurations again");
  add_strict(*command, *flags);
  command->add_flag("--quiet", flags->quiet, "no progress");
  add_memory_budget(*command);
  add_merge(*command, exit_code);
  command->callback([flags, command, &exit_code] {
    if (!command->get_subcommands().empty()) {
      return;
    }
    if (flags->spec.empty()) {
      throw UserError("no spec file", Where{{}, 0, "sweep"},
                      "give one; docs/sweep.md describes it");
    }
    exit_code = sweep(*flags);
  });
  return command;
}

}  // namespace lockstep
