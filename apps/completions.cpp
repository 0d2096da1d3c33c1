#include "completions.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <functional>

#include "base/error.hpp"

namespace lockstep {
namespace {

/// Calls `visit` for every command with the words that lead to it ("perf list"; "" for the root).
void walk(const Command& command, const std::string& path,
          const std::function<void(const Command&, const std::string&)>& visit) {
  visit(command, path);
  for (const Command& sub : command.commands) {
    walk(sub, path.empty() ? sub.name : path + ' ' + sub.name, visit);
  }
}

std::string words_of(const Command& command) {
  std::string words;
  for (const Command& sub : command.commands) {
    words += sub.name + ' ';
  }
  for (const CommandFlag& flag : command.flags) {
    words += fmt::format("{} ", fmt::join(flag.names, " "));
  }
  return words;
}

/// Single quotes inside of a single-quoted text.
std::string single_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return out + '\'';
}

constexpr std::string_view kBashHead =
    R"(# bash completion of lockstep; source it, or put it into bash-completion's folder
_lockstep() {
  local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" path="" i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "${path:+$path }${COMP_WORDS[i]}" in
)";

std::string bash(const Command& tree) {
  std::string paths;
  std::string words;
  std::string choices;
  walk(tree, "", [&](const Command& command, const std::string& path) {
    if (!path.empty()) {
      paths += fmt::format("{}\"{}\"", paths.empty() ? "" : "|", path);
    }
    // Where a file may stand as well as a sub-command both are offered.
    const bool both = !command.commands.empty() && !command.positionals.empty();
    words +=
        fmt::format("    \"{}\") COMPREPLY=($(compgen -W \"{}\" -- \"$word\"){}) ;;\n", path,
                    words_of(command), both ? " $([[ -n $word ]] && compgen -f -- \"$word\")" : "");
    for (const CommandFlag& flag : command.flags) {
      if (!flag.choices.empty()) {
        choices +=
            fmt::format("    \"{} {}\") COMPREPLY=($(compgen -W \"{}\" -- \"$word\")); return ;;\n",
                        path, flag.names.front(), fmt::join(flag.choices, " "));
      } else if (!flag.value.empty()) {
        choices += fmt::format("    \"{} {}\") COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n",
                               path, flag.names.front());
      }
    }
  });
  return fmt::format(R"({}      {}) path="${{path:+$path }}${{COMP_WORDS[i]}}" ;;
    esac
  done
  case "$path $before" in
{}  esac
  case "$path" in
{}  esac
  if [[ ${{#COMPREPLY[@]}} -eq 0 && "$word" != -* && -n "$path" ]]; then
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}}
complete -o filenames -F _lockstep lockstep
)",
                     kBashHead, paths, choices, words);
}

/// Of zsh's _arguments and _describe, where a colon separates and brackets enclose.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') {
      out += '\\';
    }
    out += c;
  }
  return out;
}

std::string zsh_flag(const CommandFlag& flag, const std::string& name) {
  std::string spec = fmt::format("{}[{}]", name, zsh_text(flag.help));
  if (!flag.choices.empty()) {
    spec += fmt::format(":{}:({})", zsh_text(flag.value), fmt::join(flag.choices, " "));
  } else if (!flag.value.empty()) {
    spec += fmt::format(":{}:_files", zsh_text(flag.value));
  }
  return single_quoted(spec);
}

std::string zsh_function(const std::string& path) {
  std::string name = "_lockstep";
  for (const char c : path.empty() ? std::string() : ' ' + path) {
    name += c == ' ' || c == '-' ? '_' : c;
  }
  return name;
}

std::string zsh(const Command& tree) {
  std::string out =
      "#compdef lockstep\n# zsh completion of lockstep; put it as _lockstep into $fpath\n";
  walk(tree, "", [&](const Command& command, const std::string& path) {
    out += fmt::format("{}() {{\n  _arguments -C", zsh_function(path));
    for (const CommandFlag& flag : command.flags) {
      for (const std::string& name : flag.names) {
        out += " \\\n    " + zsh_flag(flag, name);
      }
    }
    if (command.commands.empty()) {
      out += " \\\n    '*:file:_files'\n}\n";
      return;
    }
    out +=
        " \\\n    '1:command:->command' '*::argument:->argument'\n  case $state in\n"
        "    command)\n      local -a commands=(";
    for (const Command& sub : command.commands) {
      out += fmt::format("\n        {}", single_quoted(sub.name + ':' + zsh_text(sub.help)));
    }
    out += ")\n      _describe command commands ;;\n    argument)\n      case $words[1] in\n";
    for (const Command& sub : command.commands) {
      out += fmt::format("        {}) {} ;;\n", sub.name,
                         zsh_function(path.empty() ? sub.name : path + ' ' + sub.name));
    }
    out += "      esac ;;\n  esac\n}\n";
  });
  return out +
         "if [ \"$funcstack[1]\" = _lockstep ]; then\n  _lockstep \"$@\"\nelse\n  compdef "
         "_lockstep "
         "lockstep\nfi\n";
}

std::string fish(const Command& tree) {
  std::string out = "# fish completion of lockstep; put it into ~/.config/fish/completions\n";
  walk(tree, "", [&](const Command& command, const std::string& path) {
    std::string condition;
    for (std::size_t begin = 0; begin < path.size();) {
      const std::size_t end = std::min(path.find(' ', begin), path.size());
      condition += fmt::format("{}__fish_seen_subcommand_from {}",
                               condition.empty() ? "" : "; and ", path.substr(begin, end - begin));
      begin = end + 1;
    }
    if (condition.empty()) {
      condition = "__fish_use_subcommand";
    }
    for (const Command& sub : command.commands) {
      out += fmt::format("complete -c lockstep -n {} -f -a {} -d {}\n", single_quoted(condition),
                         sub.name, single_quoted(sub.help));
    }
    for (const CommandFlag& flag : command.flags) {
      for (const std::string& name : flag.names) {
        out += fmt::format("complete -c lockstep -n {} {} {} -d {}", single_quoted(condition),
                           name.starts_with("--") ? "-l" : "-s",
                           name.substr(name.starts_with("--") ? 2 : 1), single_quoted(flag.help));
        if (!flag.choices.empty()) {
          out += fmt::format(" -x -a {}",
                             single_quoted(fmt::format("{}", fmt::join(flag.choices, " "))));
        } else if (!flag.value.empty()) {
          out += " -r";
        }
        out += '\n';
      }
    }
  });
  return out;
}

}  // namespace

std::string completions(const Command& tree, std::string_view shell) {
  if (shell == "bash") {
    return bash(tree);
  }
  if (shell == "zsh") {
    return zsh(tree);
  }
  if (shell == "fish") {
    return fish(tree);
  }
  throw UserError(fmt::format("no completions for '{}'", shell), Where{{}, 0, "SHELL"},
                  "give bash, zsh or fish");
}

}  // namespace lockstep
