// `lockstep run --client closed`: a benchmark client against one server; and
// `lockstep validate --points`: measured points beside such runs.
#pragma once

#include <span>
#include <string>

namespace lockstep {

/// Whether the arguments, program name left out, ask for one of these commands.
[[nodiscard]] bool asks_for_closed_loop(std::span<const std::string> args);
/// Returns the exit code; throws UserError.
int closed_loop_command(std::span<const std::string> args);

}  // namespace lockstep
