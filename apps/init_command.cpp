#include "init_command.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "command_record.hpp"
#include "config/cluster_writer.hpp"
#include "engine/run_setup.hpp"
#include "gpu_names.hpp"
#include "perf/gpu_facts.hpp"
#include "report/output_file.hpp"
#include "serve_command_file.hpp"

namespace lockstep {
namespace {

struct InitFlags {
  std::optional<std::string> from, from_file, model, hardware, model_dir;
  std::optional<std::int64_t> tp, pp, dp;
  std::optional<double> link_bw, link_latency;
  bool expert_parallel = false;
  std::string output = "-";
};

/// Bandwidth of one direction between GPUs of a machine, GB/s, from the makers' datasheets.
struct Link {
  std::string_view gpu;
  double bandwidth;
  std::string_view kind;
};
constexpr std::array<Link, 5> kLinks{{{"B200", 900, "NVLink 5"},
                                      {"H200", 450, "NVLink 4"},
                                      {"H100", 450, "NVLink 4"},
                                      {"A100", 300, "NVLink 3"},
                                      {"RTXPRO6000", 64, "PCIe 5 x16"}}};
constexpr Link kPcie{"", 32, "PCIe 4 x16"};

std::string ask(std::string_view question, std::string_view fallback) {
  fmt::print(stderr, "{}{}: ", question, fallback.empty() ? "" : fmt::format(" [{}]", fallback));
  static_cast<void>(std::fflush(stderr));
  std::string answer;
  std::getline(std::cin, answer);
  return answer.empty() ? std::string(fallback) : answer;
}

std::int64_t ask_number(std::string_view question) {
  for (;;) {
    const std::string answer = ask(question, "1");
    if (!answer.empty() && answer.size() < 5 &&
        answer.find_first_not_of("0123456789") == std::string::npos && answer != "0") {
      return std::stoll(answer);
    }
    fmt::print(stderr, "a whole number from 1, please\n");
  }
}

ServeArguments arguments_of(const InitFlags& flags) {
  ServeArguments arguments;
  std::error_code none;
  if (flags.from && std::filesystem::is_regular_file(*flags.from, none)) {
    arguments = serve_arguments(serve_words_in(*flags.from));
  } else if (flags.from) {
    arguments = serve_arguments(shell_words(*flags.from));
  } else if (flags.from_file) {
    arguments = serve_arguments(serve_words_in(*flags.from_file));
  }
  arguments.model = flags.model.value_or(arguments.model);
  arguments.tp = flags.tp.value_or(arguments.tp);
  arguments.pp = flags.pp.value_or(arguments.pp);
  arguments.dp = flags.dp.value_or(arguments.dp);
  arguments.expert_parallel |= flags.expert_parallel;
  return arguments;
}

/// Asks for what is missing, at a terminal only. Returns the flags that would have said it.
std::vector<std::string> complete(ServeArguments& arguments, std::optional<std::string>& hardware,
                                  GpuCatalog& catalog) {
  const bool asks = isatty(STDIN_FILENO) == 1;
  std::vector<std::string> answers;
  if (arguments.model.empty() && asks) {
    arguments.model = ask("Model (<owner>/<model>)", "");
    arguments.tp = ask_number("GPUs that share each layer (tensor parallel)");
    arguments.pp = ask_number("Pipeline stages");
    arguments.dp = ask_number("Replicas that step together (data parallel)");
    answers = {"--model", arguments.model,
               "--tp",    std::to_string(arguments.tp),
               "--pp",    std::to_string(arguments.pp),
               "--dp",    std::to_string(arguments.dp)};
  }
  if (!hardware && asks) {
    fmt::print(stderr, "Known GPUs: {}\n", catalog.known());
    hardware = ask("GPU", "H100");
    answers.insert(answers.end(), {"--hardware", *hardware});
  }
  if (arguments.model.empty()) {
    throw UserError("no model", Where{{}, 0, "--model"},
                    "give --model, or --from 'vllm serve ...', or answer at a terminal");
  }
  if (!hardware) {
    throw UserError("no GPU", Where{{}, 0, "--hardware"},
                    fmt::format("a serve command does not say which; known: {}", catalog.known()));
  }
  return answers;
}

ServerMachine machine_of(const InitFlags& flags, const std::string& hardware, GpuCatalog& catalog) {
  const auto gpu = known_gpu(catalog, hardware, "--hardware");
  Link link = kPcie;
  for (const Link& known : kLinks) {
    if (gpu->name == known.gpu) {
      link = known;
    }
  }
  ServerMachine machine;
  machine.hardware = hardware;
  machine.memory_gib = gpu->memory_gb;
  machine.memory_bandwidth = gpu->bandwidth;
  machine.link_bandwidth = flags.link_bw.value_or(link.bandwidth);
  machine.link_latency_ns = flags.link_latency.value_or(machine.link_latency_ns);
  machine.link_remark = flags.link_bw
                            ? "GB/s and ns, as given"
                            : fmt::format(
                                  "GB/s of {} by its datasheet, and a latency of 500 ns that "
                                  "nobody measured: give --link-bw and --link-latency",
                                  link.kind);
  return machine;
}

void init(const InitFlags& flags) {
  GpuCatalog catalog;
  ServeArguments arguments = arguments_of(flags);
  std::optional<std::string> hardware = flags.hardware;
  const std::vector<std::string> answers = complete(arguments, hardware, catalog);
  const auto gpu = known_gpu(catalog, *hardware, "--hardware");
  if (flags.from || flags.from_file) {
    take_server_defaults(arguments, gpu->name, gpu->memory_gb);
  }
  const std::string text =
      cluster_json(arguments, machine_of(flags, *hardware, catalog)).dump(2) + '\n';
  RunOptions options;
  options.model_dir = flags.model_dir;
  const Cluster cluster =
      parse_cluster(text, "the new cluster file", options, search_paths(options));
  for (const std::string& ignored : arguments.ignored) {
    fmt::print(stderr, "changes no time and no memory: {}\n", ignored);
  }
  for (const std::string& limit : arguments.assumed) {
    fmt::print(stderr, "vLLM's own choice on this GPU: {}\n", limit);
  }
  for (const std::string& note : arguments.notes) {
    fmt::print(stderr, "not simulated: {}\n", note);
  }
  for (const std::string& warning : cluster.warnings) {
    fmt::print(stderr, "warning: {}\n", warning);
  }
  if (flags.output == "-") {
    fmt::print("{}", text);
  } else {
    OutputFile(flags.output).commit(text);
    CommandRecord::Facts facts;
    facts.more = answers;
    CommandRecord::write_beside(flags.output, facts);
    fmt::print("wrote {}\n", flags.output);
  }
}

}  // namespace

CLI::App* add_init_command(CLI::App& root, int& exit_code) {
  CLI::App* command =
      root.add_subcommand("init", "a cluster file from flags, from `vllm serve ...`, or by asking");
  auto flags = std::make_shared<InitFlags>();
  auto* from = command->add_option("--from", flags->from,
                                   "a serve command, in quotes, or a file that has one");
  command
      ->add_option("--from-file", flags->from_file,
                   "Docker Compose file, Kubernetes manifest or script that has such a command")
      ->excludes(from);
  command->add_option("--model", flags->model, "<owner>/<model>");
  command->add_option("--hardware", flags->hardware, "GPU (see lockstep hardware)");
  command->add_option("--tp", flags->tp, "tensor parallel degree")->check(CLI::Range(1, 1024));
  command->add_option("--pp", flags->pp, "pipeline stages")->check(CLI::Range(1, 1024));
  command->add_option("--dp", flags->dp, "data parallel ranks")->check(CLI::Range(1, 1024));
  command->add_flag("--expert-parallel", flags->expert_parallel, "spread experts over all ranks");
  command->add_option("--link-bw", flags->link_bw, "GB/s between GPUs, one direction")
      ->check(CLI::PositiveNumber);
  command->add_option("--link-latency", flags->link_latency, "ns between GPUs")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--model-dir", flags->model_dir, "folder of model configs");
  command->add_option("--output", flags->output, "the file; -: standard output")
      ->capture_default_str();
  command->callback([flags, &exit_code] {
    init(*flags);
    exit_code = static_cast<int>(ExitCode::ok);
  });
  return command;
}

}  // namespace lockstep
