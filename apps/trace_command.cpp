#include "trace_command.hpp"

#include <cstdio>
#include <memory>
#include <string>
#include <variant>

#include "base/error.hpp"
#include "base/memory_limit.hpp"
#include "config/run_flags.hpp"
#include "trace_export.hpp"
#include "trace_run.hpp"

namespace lockstep {
namespace {

/// What only `lockstep run` prints or writes.
void refuse_outputs(const ParsedFlags& flags) {
  for (const char* name : {"--json", "--save-run", "--report", "--trace", "--log-interval",
                           "--log-level", "--log-format", "--quiet"}) {
    if (flags.given.contains(name)) {
      throw UserError("there is no such flag here", {"", 0, name},
                      "it belongs to lockstep run; leave it out");
    }
  }
}

void add_export(CLI::App& parent, int& exit_code) {
  CLI::App* command = parent.add_subcommand(
      "export", "run a simulation and write its iterations as traces and graph files");
  auto settings = std::make_shared<TraceExportSettings>();
  command->add_option("--out", settings->folder, "folder for the files")->required();
  command
      ->add_option("--max-batches", settings->max_batches,
                   "batches to write, waves as a whole; 0 for all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->footer(
      "All other flags are those of `lockstep run` (lockstep run --help); --fidelity is reference "
      "unless given.");
  command->allow_extras();
  command->callback([command, settings, &exit_code] {
    const RunFlags flags = parse_run_flags(command->remaining(), "lockstep trace export");
    if (const auto* help = std::get_if<HelpText>(&flags)) {
      std::fputs(help->text.c_str(), stdout);
      exit_code = static_cast<int>(ExitCode::ok);
      return;
    }
    if (const auto* usage = std::get_if<UsageError>(&flags)) {
      std::fputs(usage->text.c_str(), stderr);
      exit_code = static_cast<int>(ExitCode::user_error);
      return;
    }
    // The files have no place for what only the engine's terms know, so the reference is the
    // default.
    ParsedFlags parsed = std::get<ParsedFlags>(flags);
    if (!parsed.given.contains("--fidelity")) {
      parsed.options.fidelity = Fidelity::reference;
    }
    refuse_outputs(parsed);
    if (parsed.outputs.max_memory) {
      limit_memory(*parsed.outputs.max_memory);
    }
    export_traces(*settings, parsed);
    exit_code = static_cast<int>(ExitCode::ok);
  });
}

void add_run(CLI::App& parent, int& exit_code) {
  CLI::App* command =
      parent.add_subcommand("run", "execute graph files or one text trace, without a serving loop");
  auto settings = std::make_shared<TraceRunSettings>();
  command
      ->add_option("PATH", settings->path,
                   "folder of <prefix>.<npu>.et files, folder/prefix of such, or a text trace")
      ->required();
  auto* cluster = command->add_option("--cluster-config", settings->cluster_config,
                                      "cluster file that gives network and memory");
  auto* network = command->add_option("--network", settings->backend.network, "network.yml");
  command->add_option("--system", settings->backend.system, "system.json")->needs(network);
  command->add_option("--memory", settings->backend.memory, "memory_expansion.json")
      ->needs(network);
  cluster->excludes(network);
  command->add_option("--model-dir", settings->model_dir, "model configs of the cluster file");
  command->add_option("--num-npus", settings->context.num_npus, "of a text trace's instance")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  command->add_option("--first-npu", settings->context.first_npu, "of a text trace's instance")
      ->check(CLI::Range(0, 1 << 20))
      ->capture_default_str();
  command->add_flag("--local-offloading", settings->context.local_offloading,
                    "a text trace's weights come through the NPU's own memory level");
  command->add_option("--schema", settings->schema, "numbering of node types in graph files")
      ->check(CLI::IsMember({"lockstep", "upstream"}))
      ->capture_default_str();
  auto* late = command->add_option(
      "--late", settings->late,
      "NPUs that begin one event after the others; not given: the last one, as in a run");
  command->add_flag("--together", settings->together, "all NPUs begin at once")->excludes(late);
  command->callback([settings, &exit_code] {
    run_trace(*settings);
    exit_code = static_cast<int>(ExitCode::ok);
  });
}

}  // namespace

CLI::App* add_trace_command(CLI::App& root, int& exit_code) {
  CLI::App* command =
      root.add_subcommand("trace", "iterations as files: write those of a run, execute any");
  command->require_subcommand(1);
  add_export(*command, exit_code);
  add_run(*command, exit_code);
  return command;
}

}  // namespace lockstep
