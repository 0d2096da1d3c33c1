// The help and usage texts of the run flags.
#pragma once

#include <string>
#include <string_view>

namespace lockstep {

/// One or two lines that begin with "usage: ".
[[nodiscard]] std::string run_flags_usage(std::string_view program);

/// All flags in groups, with defaults and units, at most 100 columns wide.
[[nodiscard]] std::string run_flags_help(std::string_view program);

}  // namespace lockstep
