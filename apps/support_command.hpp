// `lockstep support`: model x GPU x precision, where kernel times come from and how good they are.
#pragma once

#include <CLI/CLI.hpp>

namespace lockstep {

void add_support_command(CLI::App& root, int& exit_code);

}  // namespace lockstep
