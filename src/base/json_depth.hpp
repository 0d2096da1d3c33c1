// How deep a JSON text is nested, before a parser builds values whose copies and printing recurse.
#pragma once

#include <string_view>

namespace lockstep {

/// No file that anybody means goes deeper.
inline constexpr int kDeepestJson = 256;

/// Whether brackets outside of strings are nested more than `levels` deep. The text need not be
/// valid.
[[nodiscard]] bool json_is_deeper(std::string_view text, int levels = kDeepestJson);

}  // namespace lockstep
