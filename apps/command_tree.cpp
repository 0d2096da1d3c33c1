#include "command_tree.hpp"

#include <algorithm>

#include "config/flag_table.hpp"
#include "config/near_miss.hpp"
#include "serve_command.hpp"

namespace lockstep {
namespace {

/// CLI11 describes a choice as "{a,b,c}" after the type's name.
std::vector<std::string> choices_in(const std::string& type) {
  const std::size_t open = type.find('{');
  const std::size_t close = type.find('}', open);
  std::vector<std::string> choices;
  if (open == std::string::npos || close == std::string::npos) {
    return choices;
  }
  for (std::size_t begin = open + 1; begin <= close;) {
    const std::size_t end = std::min(type.find(',', begin), close);
    choices.push_back(type.substr(begin, end - begin));
    begin = end + 1;
  }
  return choices;
}

CommandFlag flag_of(const CLI::Option& option) {
  CommandFlag flag;
  for (const std::string& name : option.get_lnames()) {
    flag.names.push_back("--" + name);
  }
  for (const std::string& name : option.get_snames()) {
    flag.names.push_back("-" + name);
  }
  if (option.get_positional()) {
    flag.names = {option.get_name()};
  }
  flag.help = option.get_description();
  if (option.get_items_expected_max() > 0) {
    const std::string type = option.get_type_name();
    flag.choices = choices_in(type);
    flag.value = flag.choices.empty() ? type.substr(0, type.find(':')) : "CHOICE";
  }
  return flag;
}

Command command_of(const CLI::App& app) {
  Command command;
  command.name = app.get_name();
  command.help = app.get_description();
  for (const CLI::Option* option : app.get_options()) {
    (option->get_positional() ? command.positionals : command.flags).push_back(flag_of(*option));
  }
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    command.commands.push_back(command_of(*sub));
  }
  return command;
}

std::vector<CommandFlag> run_flags() {
  std::vector<CommandFlag> flags;
  for (const auto& table : {field_flags(), own_flags()}) {
    for (const Flag& known : table) {
      CommandFlag& flag = flags.emplace_back();
      flag.names.emplace_back(known.name);
      if (known.kind == FlagKind::help) {
        flag.names.emplace_back("-h");
      } else if (known.kind == FlagKind::pair) {
        flag.names.push_back("--no-" + std::string(known.name.substr(2)));
      }
      flag.help = known.help;
      flag.choices.assign(known.choices.begin(), known.choices.end());
      if (known.takes_value()) {
        flag.value = flag.choices.empty() ? std::string(known.value) : "CHOICE";
      }
    }
  }
  return flags;
}

std::string hint_among(const std::string& typed, const std::vector<std::string>& known) {
  const std::vector<std::string_view> names(known.begin(), known.end());
  return suggestion(typed, names);
}

}  // namespace

Command command_tree(const CLI::App& root) {
  Command tree = command_of(root);
  tree.name = "lockstep";
  for (Command& command : tree.commands) {
    if (command.name == "run") {
      command.help = "simulate a workload on a cluster";
      command.flags = run_flags();
    } else if (command.name == "serve") {
      for (CommandFlag& flag : run_flags()) {
        if (flag.names.front() != "--help" && serve_takes(flag.names.front())) {
          command.flags.push_back(std::move(flag));
        }
      }
    }
  }
  return tree;
}

std::string command_hint(const Command& root, const std::vector<std::string>& args) {
  const Command* command = &root;
  for (const std::string& arg : args) {
    if (arg.starts_with("-")) {
      const std::string name = arg.substr(0, arg.find('='));
      std::vector<std::string> known;
      for (const CommandFlag& flag : command->flags) {
        known.insert(known.end(), flag.names.begin(), flag.names.end());
      }
      if (std::find(known.begin(), known.end(), name) == known.end()) {
        return hint_among(name, known);
      }
      continue;
    }
    if (command->commands.empty()) {
      continue;
    }
    std::vector<std::string> known;
    const Command* next = nullptr;
    for (const Command& sub : command->commands) {
      known.push_back(sub.name);
      next = sub.name == arg ? &sub : next;
    }
    if (next == nullptr) {
      return hint_among(arg, known);
    }
    command = next;
  }
  return {};
}

}  // namespace lockstep
