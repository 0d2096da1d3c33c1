// What is wrong with the settings of a run before any file is read.
#pragma once

#include <cstdint>
#include <string_view>

#include "config/run_options.hpp"

namespace lockstep {

/// Throws UserError naming the flag. Limits that instances may override are checked per instance.
void check_run_options(const RunOptions& options);

/// Letters, digits, '.', '_', '-'; neither "." nor "..".
[[nodiscard]] bool valid_run_id(std::string_view id);

}  // namespace lockstep
