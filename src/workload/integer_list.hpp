// A JSON list of whole numbers, scanned by hand: token ids are nearly all of a workload's bytes.
#pragma once

#include <string_view>

#include "workload/workload.hpp"

namespace lockstep {

/// Appends the numbers of "[1, 2, 3]" to `ids`. False when the text is no list of 32-bit integers;
/// `ids` then holds the numbers before the mistake.
[[nodiscard]] bool parse_integer_list(std::string_view json, TokenIds& ids);

}  // namespace lockstep
