// The arguments of a run in a form that means the same in any folder and in any later version of
// the defaults that depend on how the program was called.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace lockstep {

/// `args` that parse_run_flags() takes: full names, `--flag=value`, absolute paths. What only says
/// where outputs go is left out. --fidelity and --cluster-config are always there.
[[nodiscard]] std::vector<std::string> absolute_arguments(std::span<const std::string> args);

}  // namespace lockstep
