#include "command_record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/build_commit.hpp"
#include "report/output_file.hpp"

namespace lockstep {
namespace {
CommandRecord* current = nullptr;
}

CommandRecord::CommandRecord(std::vector<std::string> args)
    : args_(without_output(std::move(args))) {
  current = this;
}

CommandRecord::~CommandRecord() {
  current = nullptr;
}

Provenance CommandRecord::made(const Facts& facts) const {
  Provenance out = provenance_here(read_);
  out.version = LOCKSTEP_VERSION;
  out.commit = build_commit();
  out.fidelity = facts.fidelity;
  out.seed = facts.seed;
  out.partial = facts.partial;
  out.command = args_;
  out.command.insert(out.command.end(), facts.more.begin(), facts.more.end());
  return out;
}

void CommandRecord::write_beside(const std::filesystem::path& result, const Facts& facts) {
  std::error_code failed;
  if (current == nullptr || !std::filesystem::is_regular_file(result, failed)) {
    return;
  }
  Provenance out = current->made(facts);
  out.result = fingerprint_of(result, "");
  OutputFile(provenance_file(out.result.path)).commit(provenance_text(out));
}

void CommandRecord::write_to(const std::filesystem::path& file, const Facts& facts) {
  if (current != nullptr) {
    OutputFile(file).commit(provenance_text(current->made(facts)));
  }
}

std::string CommandRecord::in_words(const Facts& facts) {
  if (current == nullptr) {
    return {};
  }
  const Provenance made = current->made(facts);
  std::string text = fmt::format("lockstep {}, commit {}, {} rules, seed {}\n", made.version,
                                 made.commit, made.fidelity, made.seed);
  for (const FileFingerprint& input : made.inputs) {
    text += fmt::format("  {}: {} (xxh128 {})\n", input.role, input.path, input.xxh128);
  }
  return text;
}

std::string output_option(const std::vector<std::string>& args) {
  if (!args.empty() && args.front() == "validate") {
    const bool points = std::any_of(args.begin(), args.end(), [](const std::string& arg) {
      return arg == "--points" || arg.starts_with("--points=");
    });
    return points ? "--csv" : "--summary";
  }
  const bool plots = args.size() > 1 && args[0] == "perf" && args[1] == "show";
  return plots ? "--svg" : "--output";
}

std::vector<std::string> without_output(std::vector<std::string> args) {
  const std::string option = output_option(args);
  std::vector<std::string> kept;
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (args[i] == option) {
      ++i;
    } else if (!args[i].starts_with(option + "=")) {
      kept.push_back(std::move(args[i]));
    }
  }
  return kept;
}

}  // namespace lockstep
