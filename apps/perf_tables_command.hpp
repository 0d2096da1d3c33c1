// `lockstep perf import`: measured tables into the user's store; and what the store holds.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <optional>
#include <string>

namespace lockstep {

void add_perf_import(CLI::App& parent, int& exit_code);

/// GPU x engine version x operation x precision x grid, as `lockstep perf list` shows it.
[[nodiscard]] std::string store_listing(const std::optional<std::filesystem::path>& store);

}  // namespace lockstep
