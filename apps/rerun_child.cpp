#include "rerun_child.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/error.hpp"
#include "command_record.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

/// Without a shell: every argument arrives as it is.
int run_program(const std::vector<std::string>& args) {
  std::vector<char*> words;
  std::string name = "lockstep";
  words.push_back(name.data());
  std::vector<std::string> copies = args;
  for (std::string& word : copies) {
    words.push_back(word.data());
  }
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const int failed =
      posix_spawn(&child, "/proc/self/exe", &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  if (failed != 0 || ::waitpid(child, &status, 0) != child) {
    throw UserError("cannot start another process", Where{{}, 0, "rerun"},
                    "give the command by hand: it is in the .provenance.json");
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

bool can_be_carried_out_again(const std::vector<std::string>& command) {
  constexpr std::array<std::string_view, 6> kCommands{"workload",  "sweep",    "plan",
                                                      "calibrate", "validate", "init"};
  constexpr std::array<std::string_view, 3> kOfPerf{"fit", "fit-skew", "show"};
  const auto has = [&](std::string_view word) {
    return std::any_of(command.begin(), command.end(), [&](const std::string& arg) {
      return arg == word || arg.starts_with(std::string(word) + '=');
    });
  };
  if (command.empty() || has("merge") || has("--only")) {  // these go on from what was there
    return false;
  }
  if (command.front() == "perf") {
    return command.size() > 1 &&
           std::find(kOfPerf.begin(), kOfPerf.end(), command[1]) != kOfPerf.end();
  }
  return std::find(kCommands.begin(), kCommands.end(), command.front()) != kCommands.end();
}

fs::path carry_out_again(const std::vector<std::string>& command, const fs::path& folder,
                         const fs::path& result) {
  std::vector<std::string> args = without_output(command);
  fs::path output = folder / "result";
  args.insert(args.end(), {output_option(command), output.string()});
  const bool judges = command.front() == "validate";  // 1: errors above --max-error
  if (const int code = run_program(args); code != 0 && !(judges && code == 1)) {
    throw UserError(fmt::format("the command ended with {}", code), Where{result.string(), 0, {}},
                    "its message is above");
  }
  if (command.front() == "perf" && command[1] == "fit") {
    return output / result.filename();
  }
  if (command.front() != "sweep" && command.front() != "plan") {
    return output;
  }
  constexpr std::string_view kCluster = ".cluster.json";
  return output.string() +
         std::string(result.string().ends_with(kCluster) ? kCluster : std::string_view(".csv"));
}

}  // namespace lockstep
