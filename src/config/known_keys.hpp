// Which keys the cluster file may hold: others are read by nothing, and usually a slip of the pen.
#pragma once

#include <string>
#include <vector>

#include "config/json_view.hpp"

namespace lockstep {

/// Warnings for unknown and repeated keys of the whole file, in file order. Keys that begin with
/// an underscore are remarks.
[[nodiscard]] std::vector<std::string> unknown_key_warnings(const JsonDocument& document);

}  // namespace lockstep
