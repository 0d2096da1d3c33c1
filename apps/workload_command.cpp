#include "workload_command.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/error.hpp"
#include "base/numeric.hpp"
#include "feature_draws.hpp"
#include "workload/chat_generator.hpp"
#include "workload/flat_generator.hpp"
#include "workload/swe_like.hpp"
#include "workload/workload_stats.hpp"
#include "workload/workload_writer.hpp"
#include "workload_trace_commands.hpp"
#include "written_workload.hpp"

namespace lockstep {
namespace {

void write_flat(FlatGenerator generator, FeatureDraws features, const std::string& output,
                std::uint32_t seed) {
  WorkloadWriter writer(output);
  writer.name_loras(features.names());
  Written written;
  WorkloadRequest request;
  while (generator.next(request)) {
    features.give(request);
    writer.write_request(request);
    written.add(request);
  }
  writer.finish();
  report(written, output, seed);
}

template <class Generator>
void write_sessions(Generator generator, const std::string& output, std::uint32_t seed) {
  WorkloadWriter writer(output);
  Written written;
  GeneratedSession session;
  while (generator.next(session)) {
    writer.write_session(session.session_id, session.arrival, session.calls);
    ++written.sessions;
    for (const WorkloadRequest& call : session.calls) {
      written.add(call);
    }
  }
  writer.finish();
  report(written, output, seed);
}

Nanos from_seconds(double seconds, const char* flag) {
  if (!(seconds >= 0.0 && seconds <= 1e9)) {
    throw UserError(fmt::format("{} s is out of range", seconds), Where{{}, 0, flag},
                    "give a number of seconds from 0 to 1e9");
  }
  return Nanos{truncate(seconds * 1e9)};
}

/// The flags of the flat generators, as typed.
struct FlatFlags {
  FlatOptions options;
  FeatureFlags features;
  std::string input = "128";
  std::string output_lengths = "512";
  double first_arrival = 0.0;
  double pulse_delay = 60.0;
  double period = 86'400.0;
  std::string like = "llama";
  bool without_ids = false;
  std::string output;

  [[nodiscard]] FlatOptions resolved() const {
    FlatOptions result = options;
    result.input = parse_lengths(input, "--input-toks");
    result.output = parse_lengths(output_lengths, "--output-toks");
    result.arrivals.first = from_seconds(first_arrival, "--first-arrival-sec");
    result.arrivals.pulse_delay = from_seconds(pulse_delay, "--pulse-delay-sec");
    result.arrivals.period = from_seconds(period, "--period-sec");
    return result;
  }
};

constexpr const char* kLengthHelp =
    "a number, uniform:LEAST:MOST, lognormal:MU:SIGMA:LEAST:MOST or "
    "sharegpt-<llama|qwen>-<input|output>";

void add_common(CLI::App& command, std::uint32_t& seed, double& rate, std::string& output) {
  command.add_option("--sps", rate, "arrivals per second")->capture_default_str();
  command.add_option("--seed", seed, "same seed, same file")->capture_default_str();
  command.add_option("--output", output, "file to write (JSON lines)")->required();
}

void add_flat_common(CLI::App& command, FlatFlags& flags) {
  FlatOptions& options = flags.options;
  command.add_option("--num-reqs", options.num_requests, "requests")->capture_default_str();
  add_common(command, options.seed, options.arrivals.rate, flags.output);
  command.add_option("--first-arrival-sec", flags.first_arrival, "start of the arrivals, seconds")
      ->capture_default_str();
  command
      .add_option("--priorities", flags.features.priorities,
                  "each request gets one of N priorities from 0 on (docs/scheduling.md)")
      ->capture_default_str();
  command
      .add_option("--loras", flags.features.loras,
                  "each request names one of N adapters, 0 for none (docs/scheduling.md)")
      ->capture_default_str();
}

CLI::App* add_flat(CLI::App& parent, const char* name, const char* help, ArrivalKind kind,
                   const std::shared_ptr<FlatFlags>& flags, int& exit_code) {
  CLI::App* command = parent.add_subcommand(name, help);
  flags->options.arrivals.kind = kind;
  add_flat_common(*command, *flags);
  command->add_option("--input-toks", flags->input, kLengthHelp)->capture_default_str();
  command->add_option("--output-toks", flags->output_lengths, kLengthHelp)->capture_default_str();
  command->add_flag("--token-ids", flags->options.with_token_ids,
                    "write random token ids (for prefix caching)");
  command->add_option("--vocab", flags->options.vocabulary, "number of different token ids")
      ->capture_default_str();
  command
      ->add_option("--reuse", flags->options.reuse,
                   "share of requests that begin as an earlier one does (with --token-ids)")
      ->capture_default_str();
  command->callback([flags, &exit_code] {
    write_flat(FlatGenerator(flags->resolved()), FeatureDraws(flags->features, flags->options.seed),
               flags->output, flags->options.seed);
    exit_code = static_cast<int>(ExitCode::ok);
  });
  return command;
}

void add_flat_commands(CLI::App& parent, int& exit_code) {
  add_flat(parent, "poisson", "Poisson arrivals", ArrivalKind::poisson,
           std::make_shared<FlatFlags>(), exit_code);
  add_flat(parent, "fixed", "arrivals at a fixed rate", ArrivalKind::fixed,
           std::make_shared<FlatFlags>(), exit_code);

  for (const auto& [name, help, kind] :
       {std::tuple{"gamma", "gamma gaps between arrivals", ArrivalKind::gamma},
        std::tuple{"weibull", "Weibull gaps between arrivals", ArrivalKind::weibull}}) {
    auto flags = std::make_shared<FlatFlags>();
    add_flat(parent, name, help, kind, flags, exit_code)
        ->add_option("--shape", flags->options.arrivals.shape,
                     "1 is Poisson, below is burstier, above more even")
        ->capture_default_str();
  }

  auto day = std::make_shared<FlatFlags>();
  CLI::App* diurnal =
      add_flat(parent, "diurnal", "Poisson arrivals with a rate that rises and falls",
               ArrivalKind::diurnal, day, exit_code);
  diurnal->add_option("--period-sec", day->period, "seconds from one lull to the next")
      ->capture_default_str();
  diurnal
      ->add_option("--swing", day->options.arrivals.swing,
                   "how far the rate leaves its mean, 0 (even) to 1 (down to nothing)")
      ->capture_default_str();

  auto flags = std::make_shared<FlatFlags>();
  CLI::App* burst = add_flat(parent, "burst", "bursts with a pause between", ArrivalKind::pulse,
                             flags, exit_code);
  burst->add_option("--pulse-n", flags->options.arrivals.pulse_size, "requests of a burst")
      ->capture_default_str();
  burst->add_option("--pulse-delay-sec", flags->pulse_delay, "seconds between bursts")
      ->capture_default_str();
  burst->add_flag("--pulse-poisson", flags->options.arrivals.pulse_poisson,
                  "Poisson arrivals inside a burst instead of all at once");
}

void add_sharegpt_like(CLI::App& parent, int& exit_code) {
  CLI::App* command = parent.add_subcommand(
      "sharegpt-like", "Poisson arrivals with the lengths of ShareGPT conversations");
  auto flags = std::make_shared<FlatFlags>();
  flags->options.reuse = 0.15;
  add_flat_common(*command, *flags);
  command->add_option("--like", flags->like, "whose tokeniser measured the lengths")
      ->check(CLI::IsMember({"llama", "qwen"}))
      ->capture_default_str();
  command
      ->add_option("--reuse", flags->options.reuse,
                   "share of requests that begin as an earlier one does")
      ->capture_default_str();
  command->add_flag("--no-token-ids", flags->without_ids, "lengths only");
  command->callback([flags, &exit_code] {
    flags->input = fmt::format("sharegpt-{}-input", flags->like);
    flags->output_lengths = fmt::format("sharegpt-{}-output", flags->like);
    flags->options.vocabulary = flags->like == "llama" ? 128'256 : 151'936;
    flags->options.with_token_ids = !flags->without_ids;
    write_flat(FlatGenerator(flags->resolved()), FeatureDraws(flags->features, flags->options.seed),
               flags->output, flags->options.seed);
    exit_code = static_cast<int>(ExitCode::ok);
  });
}

void add_agentic(CLI::App& parent, int& exit_code) {
  struct Flags {
    SweLikeOptions options;
    bool without_ids = false;
    std::string output;
  };
  CLI::App* command = parent.add_subcommand(
      "agentic", "sessions of a coding agent: chained calls with tools between (seeded stand-in)");
  auto flags = std::make_shared<Flags>();
  command->add_option("--sessions", flags->options.sessions, "sessions")->capture_default_str();
  add_common(*command, flags->options.seed, flags->options.rate, flags->output);
  command->add_flag("--no-token-ids", flags->without_ids, "lengths only");
  command->callback([flags, &exit_code] {
    flags->options.with_token_ids = !flags->without_ids;
    write_sessions(SweLikeGenerator(flags->options), flags->output, flags->options.seed);
    exit_code = static_cast<int>(ExitCode::ok);
  });
}

void add_chat(CLI::App& parent, int& exit_code) {
  struct Flags {
    ChatOptions options;
    std::string turns = "uniform:2:8";
    std::string user = "lognormal:4:1:4:4096";
    std::string answer = "lognormal:5.5:0.8:8:2048";
    bool without_ids = false;
    std::string output;
  };
  CLI::App* command =
      parent.add_subcommand("chat", "conversations of several turns with think time between");
  auto flags = std::make_shared<Flags>();
  ChatOptions& options = flags->options;
  options.arrivals.rate = 1.0;
  command->add_option("--sessions", options.sessions, "conversations")->capture_default_str();
  add_common(*command, options.seed, options.arrivals.rate, flags->output);
  command->add_option("--turns", flags->turns, "turns of a conversation, as --user-toks")
      ->capture_default_str();
  command->add_option("--user-toks", flags->user, kLengthHelp)->capture_default_str();
  command->add_option("--output-toks", flags->answer, kLengthHelp)->capture_default_str();
  command->add_option("--think-sec", options.think_seconds, "mean think time, seconds")
      ->capture_default_str();
  command->add_option("--longest", options.longest, "most tokens of a prompt and its answer")
      ->capture_default_str();
  command->add_flag("--no-token-ids", flags->without_ids, "lengths only");
  command->callback([flags, &exit_code] {
    flags->options.turns = parse_lengths(flags->turns, "--turns");
    flags->options.user = parse_lengths(flags->user, "--user-toks");
    flags->options.output = parse_lengths(flags->answer, "--output-toks");
    flags->options.conversation.with_token_ids = !flags->without_ids;
    write_sessions(ChatGenerator(flags->options), flags->output, flags->options.seed);
    exit_code = static_cast<int>(ExitCode::ok);
  });
}

void add_stats(CLI::App& parent, int& exit_code) {
  struct Flags {
    std::string file;
    std::int64_t block_size = 16;
    std::int64_t max_lines = 0;
  };
  CLI::App* command = parent.add_subcommand("stats", "what a workload asks for, as a table");
  auto flags = std::make_shared<Flags>();
  command->add_option("FILE", flags->file, "workload (JSON lines)")->required();
  command->add_option("--block-size", flags->block_size, "tokens of a prefix cache's block")
      ->capture_default_str();
  command->add_option("--num-reqs", flags->max_lines, "lines to read, 0 for all")
      ->capture_default_str();
  command->callback([flags, &exit_code] {
    const Workload workload = read_workload(flags->file, {flags->max_lines, true});
    fmt::print("{}", stats_table(workload_stats(workload, flags->block_size)));
    exit_code = static_cast<int>(ExitCode::ok);
  });
}

}  // namespace

CLI::App* add_workload_command(CLI::App& root, int& exit_code) {
  CLI::App* command = root.add_subcommand("workload", "generate workloads, or look at one");
  command->require_subcommand(1);
  add_agentic(*command, exit_code);
  add_chat(*command, exit_code);
  add_flat_commands(*command, exit_code);
  add_sharegpt_like(*command, exit_code);
  add_mooncake_like(*command, exit_code);
  add_trace_commands(*command, exit_code);
  add_stats(*command, exit_code);
  return command;
}

}  // namespace lockstep
