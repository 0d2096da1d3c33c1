// `lockstep explain`: what a request of a finished run spent its time on.
#pragma once

#include <CLI/CLI.hpp>

namespace lockstep {

/// `exit_code` is set when the command has run.
void add_explain_command(CLI::App& root, int& exit_code);

}  // namespace lockstep
