// The command line as data: subcommands and flags, for completions, the manual page and hints.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

struct CommandFlag {
  std::vector<std::string> names;  ///< with dashes, the usual one first
  std::string value;               ///< what the value is called; empty: takes none
  std::string help;
  std::vector<std::string> choices;
};

struct Command {
  std::string name;
  std::string help;
  std::vector<CommandFlag> flags;
  std::vector<CommandFlag> positionals;  ///< names[0] without dashes
  std::vector<Command> commands;
};

/// The whole tree of `root`; `run` gets the flags of its own table.
[[nodiscard]] Command command_tree(const CLI::App& root);

/// "; did you mean 'x'?" for the first word of `args` that names no subcommand, or for a flag that
/// the subcommand does not know; else empty.
[[nodiscard]] std::string command_hint(const Command& root, const std::vector<std::string>& args);

}  // namespace lockstep
