// `lockstep workload from-azure`, `from-burstgpt`, `from-mooncake` and `mooncake-like`.
#pragma once

#include <CLI/CLI.hpp>

namespace lockstep {

/// Workloads from public traces.
void add_trace_commands(CLI::App& parent, int& exit_code);
/// A workload of the size and form of a public trace.
void add_mooncake_like(CLI::App& parent, int& exit_code);

}  // namespace lockstep
