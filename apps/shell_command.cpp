#include "shell_command.hpp"

#include <cstdio>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "command_tree.hpp"
#include "completions.hpp"

namespace lockstep {

void add_shell_commands(CLI::App& root, int& exit_code) {
  CLI::App* complete = root.add_subcommand("completions", "a completion script for a shell");
  auto shell = std::make_shared<std::string>();
  complete->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  complete->callback([&root, shell, &exit_code] {
    std::fputs(completions(command_tree(root), *shell).c_str(), stdout);
    exit_code = static_cast<int>(ExitCode::ok);
  });
  CLI::App* manual = root.add_subcommand("man", "the manual page (lockstep man | man -l -)");
  manual->callback([&root, &exit_code] {
    std::fputs(manual_page(command_tree(root), LOCKSTEP_VERSION).c_str(), stdout);
    exit_code = static_cast<int>(ExitCode::ok);
  });
}

}  // namespace lockstep
