#include "bench_import_command.hpp"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "command_record.hpp"
#include "validation/bench_import.hpp"

namespace lockstep {
namespace {

struct BenchImportFlags {
  std::vector<std::string> files, fields;
  std::string output, unit = "s";
  std::optional<std::size_t> benchmark;
  std::optional<std::string> cluster_config;
  std::string vllm_version;
  std::optional<std::int64_t> max_num_seqs, max_num_batched_tokens;
};

void set_fields(const std::vector<std::string>& given, LogFields& fields) {
  for (const std::string& pair : given) {
    const std::size_t equals = pair.find('=');
    std::string* field =
        equals == std::string::npos ? nullptr : fields.find(pair.substr(0, equals));
    if (field == nullptr || equals + 1 == pair.size()) {
      throw UserError(fmt::format("'{}' names no field", pair), Where{"", 0, "--field"},
                      "write NAME=KEY; the names are start, first, last, input, output, model, "
                      "status");
    }
    *field = pair.substr(equals + 1);
  }
}

double seconds_of(const std::string& unit) {
  return unit == "ns" ? 1e-9 : unit == "us" ? 1e-6 : unit == "ms" ? 1e-3 : 1.0;
}

void import(const BenchImportFlags& flags) {
  BenchImport what;
  what.files.assign(flags.files.begin(), flags.files.end());
  what.benchmark = flags.benchmark;
  what.log.unit = seconds_of(flags.unit);
  set_fields(flags.fields, what.log);
  const ClientRun run = read_client_run(what);
  RecordedRunFiles files;
  files.dir = flags.output;
  if (flags.cluster_config) {
    files.cluster_config = *flags.cluster_config;
  }
  files.vllm_version = flags.vllm_version;
  files.max_num_seqs = flags.max_num_seqs;
  files.max_num_batched_tokens = flags.max_num_batched_tokens;
  write_recorded_run(run, files);
  CommandRecord::write_to(std::filesystem::path(flags.output) / "import.provenance.json", {});
  fmt::print("wrote {}: {} requests ({}), {} left out\n", flags.output, run.requests.size(),
             run.format, run.left_out);
  for (const std::string& note : run.notes) {
    fmt::print("{}\n", note);
  }
  if (!flags.cluster_config) {
    fmt::print("put the cluster file at {}/config.json, then: lockstep validate {}\n", flags.output,
               flags.output);
  }
}

}  // namespace

void add_bench_import_command(CLI::App& root, int& exit_code) {
  CLI::App* command = root.add_subcommand(
      "bench-import", "a benchmark client's results as a run that `validate` reads");
  auto flags = std::make_shared<BenchImportFlags>();
  command
      ->add_option("FILE", flags->files,
                   "result of vLLM's bench serve or of GuideLLM, or logs of requests (JSON lines)")
      ->required();
  command->add_option("--output", flags->output, "folder of the recorded run")->required();
  command->add_option("--cluster-config", flags->cluster_config,
                      "cluster file that describes the machine; copied");
  command->add_option("--benchmark", flags->benchmark, "which one of a GuideLLM file, from 0");
  command
      ->add_option("--field", flags->fields,
                   "NAME=KEY: where a log keeps start, first, last, input, output, model, "
                   "status")
      ->allow_extra_args(false);
  command->add_option("--time-unit", flags->unit, "of a log's times")
      ->check(CLI::IsMember({"s", "ms", "us", "ns"}))
      ->capture_default_str();
  command->add_option("--vllm-version", flags->vllm_version, "that served");
  command->add_option("--max-num-seqs", flags->max_num_seqs, "of the server")
      ->check(CLI::PositiveNumber);
  command->add_option("--max-num-batched-tokens", flags->max_num_batched_tokens, "of the server")
      ->check(CLI::PositiveNumber);
  command->callback([flags, &exit_code] {
    import(*flags);
    exit_code = static_cast<int>(ExitCode::ok);
  });
}

}  // namespace lockstep
