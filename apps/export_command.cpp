#include "export_command.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "config/cluster_writer.hpp"
#include "engine/run_setup.hpp"

namespace lockstep {
namespace {

std::string shell_quoted(const std::string& word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=:,";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) {
    return word;
  }
  std::string out = "'";
  for (const char c : word) {
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return out + '\'';
}

std::string label(const ServerOfCluster& server) {
  return fmt::format("{}{} {}{}", server.role, server.role.empty() ? "instance" : " instance",
                     fmt::join(server.instances, ", "),
                     server.arguments.dp > 1 ? " (one data-parallel server)" : "");
}

std::string commands(const std::vector<ServerOfCluster>& servers) {
  std::string out;
  const bool routed = servers.size() > 1 && servers.front().role.empty();
  if (routed) {
    out += fmt::format("# {} servers: a router before them shares the requests out\n\n",
                       servers.size());
  }
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const ServerOfCluster& server = servers[i];
    out += fmt::format("# {}\n", label(server));
    for (const std::string& note : server.notes) {
      out += fmt::format("# note: {}\n", note);
    }
    const std::vector<std::string> words = serve_words(server.arguments);
    if (!server.alone) {
      out += fmt::format("CUDA_VISIBLE_DEVICES={} ", fmt::join(server.gpus, ","));
    }
    out += fmt::format("vllm serve {}", shell_quoted(words[2]));
    for (std::size_t w = 3; w < words.size(); ++w) {
      out += (words[w].starts_with("--") ? " \\\n  " : " ") + shell_quoted(words[w]);
    }
    out += fmt::format(" \\\n  --port {}\n{}", 8000 + i, i + 1 < servers.size() ? "\n" : "");
  }
  return out;
}

/// JSON is YAML, and quotes every text that needs it.
std::string json_text(const std::string& text) {
  return nlohmann::json(text).dump();
}

std::string manifest(const std::vector<ServerOfCluster>& servers) {
  std::string out;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const ServeArguments& arguments = servers[i].arguments;
    const std::string name = fmt::format("vllm-{}", i);
    std::vector<std::string> words = serve_words(arguments);
    words.erase(words.begin(), words.begin() + 2);  // the image begins with `vllm serve`
    std::string args;
    for (const std::string& word : words) {
      args += fmt::format("            - {}\n", json_text(word));
    }
    out += fmt::format(R"({}# {}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {}
spec:
  replicas: 1
  selector:
    matchLabels: {{app: {}}}
  template:
    metadata:
      labels: {{app: {}}}
    spec:
      containers:
        - name: vllm
          image: vllm/vllm-openai:latest
          args:
{}          ports:
            - containerPort: 8000
          resources:
            limits: {{nvidia.com/gpu: {}}}
          readinessProbe:
            httpGet: {{path: /health, port: 8000}}
---
apiVersion: v1
kind: Service
metadata:
  name: {}
spec:
  selector: {{app: {}}}
  ports:
    - port: 8000
)",
                       i > 0 ? "---\n" : "", label(servers[i]), name, name, name, args,
                       arguments.tp * arguments.pp * arguments.dp, name, name);
  }
  return out;
}

}  // namespace

CLI::App* add_export_command(CLI::App& root, int& exit_code) {
  struct Flags {
    std::string engine, config, format = "commands";
    std::optional<std::string> model_dir;
  };
  CLI::App* command =
      root.add_subcommand("export", "the serve commands that would build a simulated cluster");
  auto flags = std::make_shared<Flags>();
  command->add_option("ENGINE", flags->engine, "vllm")->required()->check(CLI::IsMember({"vllm"}));
  command->add_option("CONFIG", flags->config, "cluster file")->required();
  command->add_option("--format", flags->format, "shell commands or a Kubernetes manifest")
      ->check(CLI::IsMember({"commands", "kubernetes"}))
      ->capture_default_str();
  command->add_option("--model-dir", flags->model_dir, "folder of model configs");
  command->callback([flags, &exit_code] {
    RunOptions options;
    options.model_dir = flags->model_dir;
    const Cluster cluster = load_cluster(flags->config, options, search_paths(options));
    const auto servers = servers_of(cluster);
    fmt::print("{}", flags->format == "commands" ? commands(servers) : manifest(servers));
    exit_code = static_cast<int>(ExitCode::ok);
  });
  return command;
}

}  // namespace lockstep
