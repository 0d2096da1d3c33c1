// Shell completions and the manual page, made from the command tree.
#pragma once

#include <string>
#include <string_view>

#include "command_tree.hpp"

namespace lockstep {

/// A script for "bash", "zsh" or "fish". Throws UserError for another shell.
[[nodiscard]] std::string completions(const Command& tree, std::string_view shell);

/// lockstep(1) in man's own macros.
[[nodiscard]] std::string manual_page(const Command& tree, std::string_view version);

}  // namespace lockstep
