#include "rerun_command.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/build_commit.hpp"
#include "base/error.hpp"
#include "base/json_depth.hpp"
#include "config/absolute_arguments.hpp"
#include "config/run_flags.hpp"
#include "report/output_file.hpp"
#include "report/provenance.hpp"
#include "rerun_child.hpp"
#include "run_command.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

constexpr int kResultsDiffer = 1;

struct RerunFlags {
  std::string result;
  std::optional<std::string> output;
};

/// A folder of its own that goes with it.
class ScratchFolder {
public:
  ScratchFolder() {
    std::string name = (fs::temp_directory_path() / "lockstep-rerun-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      throw UserError("cannot make a temporary folder", Where{name, 0, {}},
                      "set TMPDIR to a folder that you may write to, or give --output");
    }
    path_ = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }

private:
  fs::path path_;
};

std::string bytes_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in || fs::is_directory(file)) {
    throw UserError("cannot read this file", Where{file.string(), 0, {}},
                    "give a result file, run file or summary of `lockstep run`");
  }
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Beside what a link means, as the result itself.
fs::path file_beside(const fs::path& result) {
  std::error_code ignored;
  return provenance_file(fs::weakly_canonical(result, ignored));
}

/// From the file beside a result, or from the run file, summary or provenance itself.
Provenance provenance_for(const fs::path& result) {
  const fs::path beside = file_beside(result);
  const fs::path file = fs::exists(beside) ? beside : result;
  const std::string text = bytes_of(file);
  const auto json = json_is_deeper(text) ? nlohmann::ordered_json()
                                         : nlohmann::ordered_json::parse(text, nullptr, false);
  if (!json.is_object()) {
    throw UserError("nothing says how this was made", Where{file.string(), 0, {}},
                    fmt::format("keep {} beside the result: `lockstep run --output` writes both",
                                beside.filename().string()));
  }
  return read_provenance(json, file.string());
}

void check_can_be_repeated(const Provenance& made, const fs::path& result) {
  const auto refuse = [&](const std::string& problem, const std::string& mend) {
    throw UserError(problem, Where{result.string(), 0, {}}, mend);
  };
  const bool known = !made.command.empty() &&
                     (made.command.front() == "run" || can_be_carried_out_again(made.command));
  if (!known) {
    refuse("this was made by no command that can be given again",
           "make it again with the script that made it");
  }
  if (made.partial) {
    refuse("this is part of a run that was stopped", "run it whole first");
  }
  for (const FileFingerprint& input : made.inputs) {
    if (input.xxh128.empty()) {
      refuse(fmt::format("an input was no file ({}), so that it is gone", input.path),
             "run with the input in a file");
    }
  }
}

/// One message for all that have changed.
void check_inputs(const Provenance& made, const fs::path& result) {
  std::string changed;
  for (const FileFingerprint& input : made.inputs) {
    std::error_code ignored;
    const std::string now = fs::is_regular_file(input.path, ignored)
                                ? fingerprint_of(input.path, input.role).xxh128
                                : "(there is no such file)";
    if (now != input.xxh128) {
      changed += fmt::format("\n  {} {}\n    then: {}\n    now:  {}", input.role, input.path,
                             input.xxh128, now);
    }
  }
  if (!changed.empty()) {
    throw UserError("inputs of the run have changed since:" + changed,
                    Where{result.string(), 0, {}}, "put the files back as they were, or run anew");
  }
}

void note_other_program(const Provenance& made) {
  if (made.commit != build_commit() || made.version != LOCKSTEP_VERSION) {
    fmt::print(stderr, "note: made by lockstep {} (commit {}), this is {} (commit {})\n",
               made.version, made.commit, LOCKSTEP_VERSION, build_commit());
  }
}

/// Files without a path in the command are looked up as they were.
void go_where_it_ran(const Provenance& made) {
  for (const char* name : {"LOCKSTEP_PERF_DIR", "LOCKSTEP_DATA_DIR"}) {
    const auto found = made.environment.find(name);
    found == made.environment.end() ? ::unsetenv(name) : ::setenv(name, found->second.c_str(), 1);
  }
  std::error_code failed;
  fs::current_path(made.working_directory, failed);
  if (failed) {
    fmt::print(stderr, "note: the folder in which it ran is gone ({})\n", made.working_directory);
  }
}

/// What the run read now and not then: found in folders that are searched by name.
void check_no_other_inputs(const Provenance& made, const fs::path& again) {
  const Provenance now = provenance_for(again);
  for (const FileFingerprint& input : now.inputs) {
    const auto known = [&](const FileFingerprint& other) { return other.xxh128 == input.xxh128; };
    if (std::none_of(made.inputs.begin(), made.inputs.end(), known)) {
      throw UserError("the run reads a file that it did not read then", Where{input.path, 0, {}},
                      "move it out of the folders that are searched");
    }
  }
}

std::string line_in(const std::string& text, std::size_t begin) {
  return begin >= text.size()
             ? "(the end of the file)"
             : text.substr(begin, std::min(text.find('\n', begin), text.size()) - begin);
}

/// Says in which line two texts begin to differ.
void print_difference(const std::string& then, const std::string& now) {
  const auto at = static_cast<std::size_t>(
      std::mismatch(then.begin(), then.end(), now.begin(), now.end()).first - then.begin());
  const auto line =
      1 + std::count(then.begin(), then.begin() + static_cast<std::ptrdiff_t>(at), '\n');
  const std::size_t before = at == 0 ? std::string::npos : then.rfind('\n', at - 1);
  const std::size_t begin = before == std::string::npos ? 0 : before + 1;
  fmt::print("different from line {} on\n  then: {}\n  now:  {}\n", line, line_in(then, begin),
             line_in(now, begin));
}

int compare(const Provenance& made, const fs::path& result, const fs::path& again) {
  const std::string now = bytes_of(again);
  const bool has_bytes =
      !made.result.path.empty() && fs::exists(file_beside(result)) && fs::exists(result);
  if (!has_bytes) {  // a run file or summary: the digest is all there is
    const std::string digest = bytes_digest(now);
    const bool same = digest == made.result.xxh128;
    fmt::print("{}: {} bytes, xxh128 {}{}\n", same ? "the same result" : "another result",
               now.size(), digest, same ? "" : fmt::format(" instead of {}", made.result.xxh128));
    return same ? static_cast<int>(ExitCode::ok) : kResultsDiffer;
  }
  const std::string then = bytes_of(result);
  if (bytes_digest(then) != made.result.xxh128) {
    fmt::print("note: {} was changed after the run\n", result.string());
  }
  if (then == now) {
    fmt::print("the same {} bytes\n", now.size());
    return static_cast<int>(ExitCode::ok);
  }
  print_difference(then, now);
  return kResultsDiffer;
}

/// The file may come from anybody: of its arguments only those count that say what is simulated.
std::vector<std::string> arguments_of(const Provenance& made, const fs::path& again) {
  const std::vector<std::string> stored(made.command.begin() + 1, made.command.end());
  const RunFlags flags = parse_run_flags(stored, "lockstep run");
  if (!std::holds_alternative<ParsedFlags>(flags)) {
    const auto* usage = std::get_if<UsageError>(&flags);
    throw UserError(fmt::format("these are no arguments of a run: {}",
                                usage != nullptr ? usage->message : "they ask for help"),
                    Where{"", 0, "command"}, "give a result of this version of Lockstep");
  }
  std::vector<std::string> args = absolute_arguments(stored);
  args.insert(args.end(), {"--quiet", "--output=" + again.string()});
  return args;
}

int rerun_other(const Provenance& made, const fs::path& result, const RerunFlags& flags,
                const fs::path& scratch) {
  const auto keep = flags.output ? std::optional(fs::absolute(*flags.output)) : std::nullopt;
  go_where_it_ran(made);
  const fs::path again = carry_out_again(made.command, scratch, result);
  check_no_other_inputs(made, again);
  if (keep) {
    OutputFile(*keep).commit(bytes_of(again));
  }
  return compare(made, result, again);
}

int rerun(const RerunFlags& flags) {
  constexpr std::string_view kEnding = ".provenance.json";
  fs::path result = fs::absolute(flags.result);
  if (const std::string name = result.string(); name.ends_with(kEnding)) {
    result = name.substr(0, name.size() - kEnding.size());
  }
  const Provenance made = provenance_for(result);
  check_can_be_repeated(made, result);
  check_inputs(made, result);
  note_other_program(made);
  const ScratchFolder scratch;
  if (made.command.front() != "run") {
    return rerun_other(made, result, flags, scratch.path());
  }
  const fs::path again = flags.output ? fs::absolute(*flags.output) : scratch.path() / "result.csv";
  if (again == result) {
    throw UserError("the new result would take the place of the one to compare with",
                    Where{result.string(), 0, "--output"}, "give another file, or leave it out");
  }
  go_where_it_ran(made);
  const int code = run_command(arguments_of(made, again), "lockstep run");
  if (code != static_cast<int>(ExitCode::ok)) {
    return code;
  }
  check_no_other_inputs(made, again);
  return compare(made, result, again);
}

}  // namespace

void add_rerun_command(CLI::App& root, int& exit_code) {
  CLI::App* command = root.add_subcommand(
      "rerun", "make a result again from what lies beside it, and compare the bytes");
  auto flags = std::make_shared<RerunFlags>();
  command
      ->add_option("OUTPUT", flags->result,
                   "result file (its .provenance.json lies beside it), run file or summary")
      ->required();
  command->add_option("--output", flags->output, "keep the new result in this file");
  command->footer("Exit code: 0 the same bytes, 1 others, 2 an input has changed.");
  command->callback([flags, &exit_code] { exit_code = rerun(*flags); });
}

}  // namespace lockstep
