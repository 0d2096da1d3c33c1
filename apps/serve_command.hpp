// The `lockstep serve` subcommand: an OpenAI-compatible server with the timing of a simulated
// cluster.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace lockstep {

/// Adds `serve` to `root`. It serves in a callback while `root` parses, until a signal comes;
/// `exit_code` becomes 0. Mistakes are thrown as UserError. Besides its own flags it takes those of
/// `run` that describe cluster and engine.
CLI::App* add_serve_command(CLI::App& root, int& exit_code);

/// Whether `serve` takes this flag of `run`.
[[nodiscard]] bool serve_takes(const std::string& run_flag);

}  // namespace lockstep
