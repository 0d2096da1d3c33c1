#include "validate_command.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "command_record.hpp"
#include "engine/run_setup.hpp"
#include "engine/simulation.hpp"
#include "recorded_options.hpp"
#include "report/output_file.hpp"
#include "validation/comparison.hpp"
#include "validation/comparison_report.hpp"
#include "validation/recorded_run.hpp"
#include "validation/summary_text.hpp"

namespace lockstep {
namespace {

constexpr int kErrorTooLarge = 1;

struct ValidateFlags {
  std::string dir;
  std::optional<std::string> sim, summary;
  RecordedOptions recorded;
  std::optional<double> max_error;
  bool json = false;
};

/// The simulated side, and what is worth knowing about how it came about.
struct Simulated {
  std::vector<SimulatedRequest> requests;
  std::string source;
  std::vector<std::string> notes;
};

std::string kv_note(const RecordedRun& run, const NpuKvLayout& capacity) {
  const std::string recorded =
      run.num_gpu_blocks ? fmt::format("{}", *run.num_gpu_blocks) : "unknown";
  return fmt::format("KV blocks of {} tokens: recorded {}, simulated {}", capacity.block_size,
                     recorded, capacity.blocks);
}

Simulated simulate(const RecordedRun& run, const ValidateFlags& flags) {
  const RunOptions options = options_of(run, flags.recorded);
  const RunSetup setup = load_run(options);
  KernelTimeLibrary library(setup.perf);
  RunObserver silent;
  Simulation simulation(setup.cluster, options, setup.workload ? &*setup.workload : nullptr,
                        library, silent);
  Simulated result;
  result.source = fmt::format("simulated now, --fidelity {}", flags.recorded.fidelity);
  for (const std::string& source : simulation.kernel_time_sources()) {
    result.notes.push_back("Kernel times: " + source);
  }
  if (!simulation.kv_capacity().empty()) {
    result.notes.push_back(kv_note(run, simulation.kv_capacity().front()));
  }
  for (const std::string& warning : simulation.warnings()) {
    result.notes.push_back("Warning: " + warning);
  }
  result.requests = simulated_requests(simulation.run());
  return result;
}

void print_tables(const RecordedRun& run, const Simulated& simulated, const Comparison& comparison,
                  const StepComparison& steps, const std::optional<SeriesComparison>& series) {
  fmt::print("{}\nRecorded:  vLLM {}, {}, {} requests\nSimulated: {}, {} requests\n",
             summary_text(comparison), run.vllm_version, run.model, comparison.recorded_requests,
             simulated.source, comparison.simulated_requests);
  for (const std::string& note : simulated.notes) {
    fmt::print("{}\n", note);
  }
  fmt::print("\n{}\n{}", comparison_table(comparison), step_table(steps));
  if (series) {
    fmt::print("\n{}", series_table(*series));
  }
}

int validate(const ValidateFlags& flags) {
  std::optional<OutputFile> summary;
  if (flags.summary) {
    summary.emplace(*flags.summary);
  }
  const RecordedRun run = read_recorded_run(flags.dir);
  const Simulated simulated =
      flags.sim ? Simulated{read_request_csv(*flags.sim), *flags.sim, {}} : simulate(run, flags);
  const Comparison comparison = compare(run, simulated.requests, simulated.source);
  if (summary) {
    summary->commit(summary_text(comparison));
    CommandRecord::write_beside(summary->path(), {.fidelity = flags.recorded.fidelity});
  }
  const StepComparison steps = compare_steps(run, simulated.requests);
  std::optional<SeriesComparison> series;
  if (const auto recorded = read_time_series(run)) {
    series = compare_series(*recorded, simulated_series(simulated.requests, run.tick_seconds),
                            run.tick_seconds);
  }
  if (flags.json) {
    fmt::print("{}", comparison_json(comparison, steps, series));
  } else {
    print_tables(run, simulated, comparison, steps, series);
  }
  if (!flags.max_error) {
    return static_cast<int>(ExitCode::ok);
  }
  const auto above = errors_above(comparison, *flags.max_error);
  static_cast<void>(std::fflush(stdout));
  for (const std::string& line : above) {
    fmt::print(stderr, "error above {} %: {}\n", *flags.max_error, line);
  }
  return above.empty() ? static_cast<int>(ExitCode::ok) : kErrorTooLarge;
}

}  // namespace

CLI::App* add_validate_command(CLI::App& root, int& exit_code) {
  CLI::App* command =
      root.add_subcommand("validate", "compare a recorded vLLM run with a simulation of it");
  auto flags = std::make_shared<ValidateFlags>();
  command->add_option("RUN_DIR", flags->dir, "folder with config.json and vllm/")->required();
  command->add_option("--sim", flags->sim,
                      "result file of a run (default: simulate with the recorded settings)");
  command->add_option("--dataset", flags->recorded.dataset, "the workload (default: as recorded)");
  command->add_option("--perf-dir", flags->recorded.perf_dir, "folder of kernel-time bundles");
  command->add_option("--model-dir", flags->recorded.model_dir, "folder of model configs");
  command->add_option("--fidelity", flags->recorded.fidelity, "rules of the simulation")
      ->check(CLI::IsMember({"reference", "vllm"}))
      ->capture_default_str();
  command
      ->add_option("--engine-terms", flags->recorded.engine_terms,
                   "what --fidelity vllm models beyond the schedule: all, none, or names")
      ->capture_default_str();
  command->add_option("--calibration", flags->recorded.calibration, "file of fitted step terms");
  command
      ->add_option("--kernel-times", flags->recorded.kernel_times,
                   "what steps are put together from, as of `lockstep run`")
      ->check(CLI::IsMember({"auto", "layers", "operations"}))
      ->capture_default_str();
  command->add_option("--summary", flags->summary, "also write the first table to this file");
  command
      ->add_option("--max-error", flags->max_error,
                   "exit code 1 when an error of TTFT, TPOT, latency, makespan or generated "
                   "tokens/s is larger, in %")
      ->check(CLI::NonNegativeNumber);
  command->add_flag("--json", flags->json, "print JSON instead of tables");
  command->callback([flags, &exit_code] { exit_code = validate(*flags); });
  return command;
}

}  // namespace lockstep
