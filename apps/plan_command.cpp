#include "plan_command.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "base/run_seed.hpp"
#include "command_record.hpp"
#include "memory_budget.hpp"
#include "plan/plan_report.hpp"
#include "report/terminal.hpp"
#include "sweep/sweep_runner.hpp"

namespace lockstep {
namespace {

struct PlanFlags {
  std::string spec, output;
  int jobs = 0;
  bool quiet = false, strict = false;
};

void write_file(const std::string& name, const std::string& text) {
  AtomicFile file(name);
  file.write(text);
  file.commit();
}

/// How to run the winner on its own.
std::string run_line(const PlanSpec& spec, const std::string& cluster) {
  const std::string workload = spec.workload.file.empty() ? "WORKLOAD.jsonl" : spec.workload.file;
  return fmt::format(
      "lockstep run --cluster-config {} --dataset {}{}\n", cluster, workload,
      spec.flags.options.fidelity == Fidelity::reference ? " --fidelity reference" : "");
}

int plan(const PlanFlags& flags) {
  PlanSpec spec = read_plan_spec(flags.spec);
  spec.flags.options.strict |= flags.strict;
  const std::string output = flags.output.empty()
                                 ? "outputs/" + std::filesystem::path(flags.spec).stem().string()
                                 : flags.output;
  SharedInputs inputs;
  PlanOptions options;
  options.workers = flags.jobs > 0 ? flags.jobs : default_workers();
  const bool shown = !flags.quiet && detect_terminal(stderr).interactive;
  if (shown) {
    options.progress = [](std::int64_t done, std::int64_t total) {
      fmt::print(stderr, "\r\x1b[K{}/{} shapes", done, total);
    };
  }
  const PlanResult result = make_plan(spec, inputs, options);
  if (shown) {
    fmt::print(stderr, "\r\x1b[K");
  }
  fmt::print("{}", plan_table(spec, result));
  write_file(output + ".csv", plan_csv(spec, result));
  const CommandRecord::Facts facts{
      .fidelity = spec.flags.options.fidelity == Fidelity::reference ? "reference" : "vllm",
      .seed = kRunSeed};
  CommandRecord::write_beside(output + ".csv", facts);
  fmt::print("wrote {}.csv\n", output);
  if (result.holding == 0) {
    return static_cast<int>(ExitCode::internal);
  }
  constexpr int kIndent = 2;
  const std::string cluster = output + ".cluster.json";
  write_file(cluster, cluster_of(spec, result.rows.front().candidate).root.dump(kIndent) + "\n");
  CommandRecord::write_beside(cluster, facts);
  fmt::print("wrote {}: {}", cluster, run_line(spec, cluster));
  return static_cast<int>(ExitCode::ok);
}

}  // namespace

CLI::App* add_plan_command(CLI::App& root, int& exit_code) {
  auto flags = std::make_shared<PlanFlags>();
  CLI::App* command = root.add_subcommand(
      "plan", "the cheapest cluster that keeps promises at a load (docs/plan.md)");
  command->add_option("SPEC", flags->spec, "spec file (YAML)")->required();
  command->add_option("--output", flags->output,
                      "results without suffix (default: outputs/<name of SPEC>)");
  command->add_option("--jobs", flags->jobs, "simulations at once (default: all cores)")
      ->check(CLI::Range(1, 4096));
  command->add_flag("--strict", flags->strict, "shapes fail of which a run would only warn");
  command->add_flag("--quiet", flags->quiet, "no progress");
  add_memory_budget(*command);
  command->callback([flags, &exit_code] { exit_code = plan(*flags); });
  return command;
}

}  // namespace lockstep
