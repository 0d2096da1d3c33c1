#include "explain_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "base/json_depth.hpp"
#include "engine/prepared_run.hpp"
#include "engine/run_setup.hpp"
#include "explain/explanation.hpp"
#include "explain/explanation_text.hpp"
#include "explain/request_watch.hpp"
#include "report/run_record_from.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

struct ExplainFlags {
  std::string csv;
  std::int64_t request = -1;
  std::optional<std::string> run_file;
  std::vector<std::string> run_flags;
  bool json = false, tokens = false;
};

/// The run file that lies beside the result file; empty: none.
fs::path run_file_beside(const fs::path& csv) {
  fs::path stem = csv;
  const std::array<fs::path, 2> places{csv.string() + ".run.json",
                                       stem.replace_extension(".run.json")};
  const auto* found = std::find_if(places.begin(), places.end(),
                                   [](const fs::path& place) { return fs::exists(place); });
  return found == places.end() ? fs::path{} : *found;
}

std::vector<std::string> flags_in(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in.is_open()) {
    throw UserError("cannot read the run file", Where{file.string(), 0, {}},
                    "give the file that `lockstep run --save-run` wrote");
  }
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto json =
      json_is_deeper(text) ? nlohmann::json() : nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || json.value("format", nlohmann::json()) != "lockstep-run") {
    throw UserError("this is no run file", Where{file.string(), 0, "format"},
                    "give the file that `lockstep run --save-run` wrote");
  }
  const auto found = json.find("arguments");
  const bool texts = found != json.end() && found->is_array() &&
                     std::all_of(found->begin(), found->end(),
                                 [](const nlohmann::json& word) { return word.is_string(); });
  if (!texts) {
    throw UserError("the run file does not say how the run was called",
                    Where{file.string(), 0, "arguments"},
                    "save the run again with this lockstep, or give the flags of the run after --");
  }
  return found->get<std::vector<std::string>>();
}

std::vector<std::string> run_flags(const ExplainFlags& flags) {
  if (!flags.run_flags.empty()) {
    return flags.run_flags;
  }
  const fs::path file = flags.run_file ? fs::path(*flags.run_file) : run_file_beside(flags.csv);
  if (file.empty()) {
    throw UserError("nothing says how the run was made", Where{flags.csv, 0, {}},
                    fmt::format("run with --save-run {}.run.json, name the run file with --run, or "
                                "give the flags of the run after --",
                                flags.csv));
  }
  return flags_in(file);
}

ParsedFlags parsed(const std::vector<std::string>& words) {
  RunFlags flags = parse_run_flags(words, "lockstep run");
  if (const auto* usage = std::get_if<UsageError>(&flags)) {
    throw UserError(usage->message, Where{"", 0, "flags of the run"}, "see lockstep run --help");
  }
  if (std::holds_alternative<HelpText>(flags)) {
    throw UserError("the flags of the run ask for help", Where{"", 0, "flags of the run"},
                    "give the flags with which the result file was made");
  }
  return std::get<ParsedFlags>(std::move(flags));
}

/// The simulation is made again; it must be the one whose result file is asked about.
void check_same(const RequestRecord& row, const Request& again, const std::string& csv) {
  const auto check = [&](const char* what, std::int64_t recorded, std::int64_t now) {
    if (recorded != now) {
      throw UserError(
          fmt::format("request {} of the run made again is another one: {} is {}, the file has {}",
                      row.id, what, now, recorded),
          Where{csv, 0, {}},
          "give the flags, cluster file, workload and kernel times that the file was made with");
    }
  };
  check("input", row.input, again.input);
  check("output", row.output, again.output - again.input);
  check("arrival", row.arrival, again.arrival.count());
  check("TTFT", row.ttft, again.ttft.count());
  check("end_time", row.end, again.end_time.count());
  check("the number of gaps", std::ssize(row.itl), std::ssize(again.itl));
  for (std::size_t i = 0; i < row.itl.size(); ++i) {
    check("an inter-token gap", row.itl[i], again.itl[i].count());
  }
}

RequestRecord row_of(const ExplainFlags& flags) {
  const RunRecord record = record_from_csv(flags.csv);
  const auto found =
      std::find_if(record.requests.begin(), record.requests.end(),
                   [&](const RequestRecord& row) { return row.id == flags.request; });
  if (found == record.requests.end()) {
    throw UserError(fmt::format("there is no request {}", flags.request), Where{flags.csv, 0, {}},
                    fmt::format("give one of its {} request ids", record.requests.size()));
  }
  const auto same =
      std::count_if(record.requests.begin(), record.requests.end(),
                    [&](const RequestRecord& row) { return row.id == flags.request; });
  if (same > 1) {
    throw UserError(fmt::format("{} requests are called {}", same, flags.request),
                    Where{flags.csv, 0, "--request"},
                    "the built-in workload gives ids more than once: ask for another id, or run "
                    "with --dataset");
  }
  return *found;
}

int run_explain(const ExplainFlags& flags) {
  const RequestRecord row = row_of(flags);
  const ParsedFlags again = parsed(run_flags(flags));
  const RunSetup setup = load_run(again.options);
  KernelTimeLibrary library(setup.perf);
  std::vector<std::shared_ptr<const KernelTimes>> times;
  for (const Instance& instance : setup.cluster.instances) {
    times.push_back(library.times_for(instance));
  }
  const FidelityPolicy policy = FidelityPolicy::for_mode(again.options.fidelity);
  RequestWatch watch(setup.cluster, flags.request, std::move(times),
                     {again.options.expert_routing_policy, again.options.expert_exchange,
                      policy.single_block_without_copy, policy});
  PreparedRun run(again, setup.cluster, setup.workload ? &*setup.workload : nullptr, library,
                  watch);
  run.simulation().run();
  if (!watch.request()) {
    throw UserError(fmt::format("the run made again has no request {}", flags.request),
                    Where{flags.csv, 0, {}}, "give the flags that the file was made with");
  }
  check_same(row, *watch.request(), flags.csv);
  const Explanation explanation = explain(watch);
  const std::string text =
      flags.json ? explanation_json(explanation) : explanation_text(explanation, flags.tokens);
  std::fputs(text.c_str(), stdout);
  return static_cast<int>(ExitCode::ok);
}

}  // namespace

void add_explain_command(CLI::App& root, int& exit_code) {
  CLI::App* command =
      root.add_subcommand("explain", "what a request of a run spent its time on, exactly");
  auto flags = std::make_shared<ExplainFlags>();
  command->add_option("CSV", flags->csv, "result file (lockstep run --output)")->required();
  command->add_option("RUN_FLAGS", flags->run_flags,
                      "after --: the flags of that run (default: from its run file)");
  command->add_option("--request", flags->request, "id of the request")
      ->required()
      ->check(CLI::NonNegativeNumber);
  command->add_option("--run", flags->run_file,
                      "run file of that run (default: CSV.run.json beside it)");
  command->add_flag("--tokens", flags->tokens, "a line for every token, not only the slowest");
  command->add_flag("--json", flags->json, "print JSON, in ns, with all tokens and steps");
  command->callback([flags, &exit_code] { exit_code = run_explain(*flags); });
}

}  // namespace lockstep
