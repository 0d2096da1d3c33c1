#include "calibrate_command.hpp"

#include <fmt/format.h>

#include <memory>
#include <vector>

#include "command_record.hpp"
#include "engine/run_setup.hpp"
#include "engine/simulation.hpp"
#include "recorded_options.hpp"
#include "report/output_file.hpp"
#include "validation/step_fit.hpp"

namespace lockstep {
namespace {

struct CalibrateFlags {
  std::vector<std::string> dirs;
  std::string output;
  int rounds = 8;
  RecordedOptions recorded;
};

/// Whose terms these are: those of the first instance, which the others of its group are like.
StepTerms start_for(const Cluster& cluster) {
  const Instance& first = cluster.instances.front();
  StepTerms terms;
  terms.hardware = first.hardware;
  terms.model = first.model->name;
  terms.tp = first.tp;
  if (first.dp_group) {
    terms.group = std::ssize(cluster.dp_groups[static_cast<std::size_t>(*first.dp_group)].members);
  }
  return terms;
}

StepFit fit_run(const std::string& dir, const CalibrateFlags& flags) {
  const RecordedRun run = read_recorded_run(dir);
  RecordedOptions recorded = flags.recorded;
  recorded.fidelity = "vllm";
  const RunOptions options = options_of(run, recorded);
  RunSetup setup = load_run(options);
  const auto simulate = [&](const StepTerms& terms) {
    const auto calibration = std::make_shared<StepCalibration>();
    calibration->sets.push_back(terms);
    calibrate(setup.cluster, calibration);
    KernelTimeLibrary library(setup.perf);
    StepCollector collector;
    Simulation simulation(setup.cluster, options, setup.workload ? &*setup.workload : nullptr,
                          library, collector);
    FittedRun result;
    result.windows = windows_of(simulation.run());
    result.steps = collector.steps();
    return result;
  };
  return fit_steps(run, start_for(setup.cluster), simulate, flags.rounds);
}

void print(const std::string& dir, const StepFit& fit) {
  fmt::print(
      "{}\n  {} on {}, tp {}, group of {}: {} requests used, {} left out\n"
      "  first to last token, mean error without sign: {:.2f} % without terms, {:.2f} % with; "
      "every "
      "fifth request held out: {:.2f} % (smoothing {:g})\n",
      dir, fit.terms.model, fit.terms.hardware, fit.terms.tp, fit.terms.group, fit.windows,
      fit.left_out, fit.before_percent, fit.after_percent, fit.held_out_percent, fit.smoothing);
}

void fit_runs(const CalibrateFlags& flags) {
  const OutputFile output(flags.output);
  StepCalibration calibration;
  std::string about = "Step terms for `lockstep run --fidelity vllm --calibration`, fitted to";
  for (const std::string& dir : flags.dirs) {
    const StepFit fit = fit_run(dir, flags);
    print(dir, fit);
    about += (calibration.sets.empty() ? " " : ", ") + dir;
    calibration.sets.push_back(fit.terms);
  }
  output.commit(to_json(calibration, about));
  CommandRecord::write_beside(output.path(), {.fidelity = "vllm"});
  fmt::print("written: {}\n", output.path().string());
}

}  // namespace

CLI::App* add_calibrate_command(CLI::App& root, int& exit_code) {
  CLI::App* command =
      root.add_subcommand("calibrate", "fit step terms to recorded vLLM runs, for --calibration");
  auto flags = std::make_shared<CalibrateFlags>();
  command->add_option("RUN_DIR", flags->dirs, "folders with config.json and vllm/")->required();
  command->add_option("--output", flags->output, "file for the terms (JSON)")->required();
  command->add_option("--rounds", flags->rounds, "simulations after the first, per run")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  command->add_option("--dataset", flags->recorded.dataset, "the workload (default: as recorded)");
  command->add_option("--perf-dir", flags->recorded.perf_dir, "folder of kernel-time bundles");
  command->add_option("--model-dir", flags->recorded.model_dir, "folder of model configs");
  command->add_option("--engine-terms", flags->recorded.engine_terms, "as of `lockstep run`")
      ->capture_default_str();
  command->callback([flags, &exit_code] {
    fit_runs(*flags);
    exit_code = 0;
  });
  return command;
}

}  // namespace lockstep
