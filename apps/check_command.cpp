#include "check_command.hpp"

#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "engine/run_setup.hpp"
#include "report/cluster_text.hpp"

namespace lockstep {

CLI::App* add_check_command(CLI::App& root, int& exit_code) {
  struct Flags {
    std::string config;
    std::optional<std::string> model_dir;
    std::int64_t context = 0;
    std::string fidelity = "vllm";
  };
  CLI::App* command = root.add_subcommand(
      "check", "what a cluster file means: topology, experts, memory, what fits");
  auto flags = std::make_shared<Flags>();
  command->add_option("CONFIG", flags->config, "cluster file")->required();
  command
      ->add_option("--context", flags->context, "tokens of a request (default: the model's most)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40));
  command
      ->add_option("--fidelity", flags->fidelity,
                   "whose memory: vllm keeps room for activations and context, reference does not")
      ->check(CLI::IsMember({"vllm", "reference"}))
      ->capture_default_str();
  command->add_option("--model-dir", flags->model_dir, "folder of model configs");
  command->callback([flags, &exit_code] {
    RunOptions options;
    options.model_dir = flags->model_dir;
    options.fidelity = flags->fidelity == "vllm" ? Fidelity::vllm : Fidelity::reference;
    const Cluster cluster = load_cluster(flags->config, options, search_paths(options));
    const FidelityPolicy& policy = FidelityPolicy::for_mode(options.fidelity);
    std::vector<NpuKvLayout> layouts;
    for (const Instance& instance : cluster.instances) {
      layouts.push_back(plan_npu_kv(instance, policy));
    }
    fmt::print("{}", cluster_text(cluster, layouts, flags->context));
    for (const std::string& warning : cluster.warnings) {
      fmt::print("warning: {}\n", warning);
    }
    exit_code = static_cast<int>(ExitCode::ok);
  });
  return command;
}

}  // namespace lockstep
