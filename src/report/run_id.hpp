// The name of a run in its outputs.
#pragma once

#include <string>

#include "config/run_options.hpp"

namespace lockstep {

/// As given by --run-id, else from the clock and the process. Throws UserError for a name that
/// does not fit into a path.
[[nodiscard]] std::string run_id_of(const RunOptions& options);

}  // namespace lockstep
