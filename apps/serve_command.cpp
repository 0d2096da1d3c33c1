#include "serve_command.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <string_view>
#include <variant>

#include "base/error.hpp"
#include "base/memory_limit.hpp"
#include "config/run_flags.hpp"
#include "endpoint/endpoint.hpp"
#include "engine/run_setup.hpp"

namespace lockstep {
namespace {

/// Of a run that has a workload, an end and results.
constexpr std::array<std::string_view, 14> kFlagsOfRunsOnly{
    "--dataset",      "--num-reqs",  "--output",     "--run-id", "--skip-prefill",
    "--log-interval", "--log-level", "--log-format", "--json",   "--quiet",
    "--save-run",     "--report",    "--trace",      "--strict"};

struct ServeFlags {
  EndpointOptions endpoint;
  std::int64_t answer_tokens = 0;
  std::int64_t body_mib = 32;
  std::int64_t idle_seconds = 60;
  double stop_after = 0;
  std::string record;
};

void add_flags(CLI::App& command, ServeFlags& flags) {
  EndpointOptions& endpoint = flags.endpoint;
  command.add_option("--host", endpoint.host, "address to listen on")->capture_default_str();
  command.add_option("--port", endpoint.port, "port (0: any free one)")->capture_default_str();
  command
      .add_option(
          "--time-scale", endpoint.time_scale,
          "simulated seconds in a second; 10 answers ten times as fast as the cluster would")
      ->check(CLI::Range(1e-3, 1e4))
      ->capture_default_str();
  command.add_option("--served-model-name", endpoint.served_model,
                     "how clients call the model (default: as the cluster file does)");
  command
      .add_option("--answer-tokens", flags.answer_tokens,
                  "where answers end by themselves unless ignore_eos (default: at max_tokens; 128 "
                  "in a chat without)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 30));
  command.add_option("--record", flags.record,
                     "write the requests as a workload file that lockstep run replays");
  command
      .add_option("--stop-after", flags.stop_after,
                  "end after so many seconds (default: on SIGINT)")
      ->check(CLI::Range(1e-3, 1e9));
  command
      .add_option("--max-connections", endpoint.limits.connections,
                  "further connections wait until one closes")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1} << 20))
      ->capture_default_str();
  command.add_option("--max-body", flags.body_mib, "MiB of a request's body")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1024}))
      ->capture_default_str();
  command
      .add_option("--idle-timeout", flags.idle_seconds,
                  "seconds a client may take to send a request or to take a piece of its answer")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{86400}))
      ->capture_default_str();
}

ParsedFlags run_flags_of(const std::vector<std::string>& rest) {
  const RunFlags parsed = parse_run_flags(rest, "lockstep serve");
  if (const auto* usage = std::get_if<UsageError>(&parsed)) {
    throw UserError(usage->message, {"", 0, "serve"},
                    "see lockstep serve --help, and lockstep run --help for cluster and engine");
  }
  ParsedFlags flags = std::get<ParsedFlags>(parsed);
  for (const std::string_view name : kFlagsOfRunsOnly) {
    if (flags.given.contains(std::string(name))) {
      throw UserError("there is no such flag here", {"", 0, std::string(name)},
                      "it belongs to lockstep run; leave it out");
    }
  }
  if (!flags.given.contains("--fidelity")) {
    flags.options.fidelity = Fidelity::vllm;
  }
  return flags;
}

/// A thousand connections are a thousand files.
void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

void warn(const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) {
    fmt::print(stderr, "warning: {}\n", warning);
  }
}

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

void serve(ServeFlags& flags, const std::vector<std::string>& rest) {
  const ParsedFlags run = run_flags_of(rest);
  if (run.outputs.max_memory) {
    limit_memory(*run.outputs.max_memory);
  }
  EndpointOptions& options = flags.endpoint;
  options.version = LOCKSTEP_VERSION;
  options.limits.body_bytes = static_cast<std::size_t>(flags.body_mib) << 20U;
  options.limits.idle = std::chrono::seconds(flags.idle_seconds);
  const auto when_given = [](auto& option, const auto& value, bool given) {
    if (given) {
      option = value;
    }
  };
  when_given(options.answer_tokens, flags.answer_tokens, flags.answer_tokens > 0);
  when_given(options.stop_after, flags.stop_after, flags.stop_after > 0);
  when_given(options.record, flags.record, !flags.record.empty());
  RunSetup setup = load_run(run.options);
  setup.cluster.power = false;  // nobody asks an endpoint for joules
  KernelTimeLibrary library(setup.perf);
  raise_file_limit();
  Endpoint endpoint(setup.cluster, run.options, library, options);
  warn(setup.cluster.warnings);
  warn(ineffective_flags(run.options, run.given, setup.cluster));
  warn(endpoint.warnings());
  if (!is_loopback(options.host)) {
    warn({options.host + " is no loopback address: whoever reaches it may send requests, and there "
                         "is neither a key nor encryption"});
  }
  fmt::print("serving {} on http://{}:{} ({} simulated seconds a second)\n", endpoint.model(),
             options.host, endpoint.port(), options.time_scale);
  std::fflush(stdout);
  const std::int64_t completed = endpoint.run();
  fmt::print("{} requests completed\n", completed);
  if (options.record) {
    fmt::print("wrote {}\n", *options.record);
  }
}

}  // namespace

bool serve_takes(const std::string& run_flag) {
  return std::find(kFlagsOfRunsOnly.begin(), kFlagsOfRunsOnly.end(), run_flag) ==
         kFlagsOfRunsOnly.end();
}

CLI::App* add_serve_command(CLI::App& root, int& exit_code) {
  CLI::App* command = root.add_subcommand(
      "serve", "an OpenAI-compatible server with the timing of a cluster (docs/serve.md)");
  auto flags = std::make_shared<ServeFlags>();
  add_flags(*command, *flags);
  command->allow_extras();
  command->footer(
      "Cluster and engine: the flags of lockstep run, such as --cluster-config and --max-num-seqs "
      "(lockstep run --help). --fidelity is vllm unless given.");
  command->callback([flags, command, &exit_code] {
    serve(*flags, command->remaining());
    exit_code = static_cast<int>(ExitCode::ok);
  });
  return command;
}

}  // namespace lockstep
