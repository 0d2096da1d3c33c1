// Flags of the features that act inside one instance.
#pragma once

#include <vector>

#include "config/flag_table.hpp"

namespace lockstep {

[[nodiscard]] std::vector<Flag> make_feature_flags();

}  // namespace lockstep
