// `lockstep run`: one simulation from flags to result file.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace lockstep {

/// `args` without program name and subcommand. Returns the exit code; errors go to stderr.
int run_command(std::span<const std::string> args, std::string_view program);

}  // namespace lockstep
